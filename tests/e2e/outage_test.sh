#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What was said of a chain stands while another one is brought back beside it: that it is held as it was rolled back, and that
# a member of it was denied.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
ip -n "$NS" link set lo up
quiet wire eth0
quiet wire eth1

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
chains() { node status --json | jq -r '[.chains[] | .interface as $i | .members[] | select(.state == "running") | "\($i) \(.name)"] | join(" ")'; }
holds() { [ "$(chains)" = "$1" ] || { echo "it is: $(chains)"; return 1; }; }
forget() { quiet bpftool link detach pinned "$R/sys/fs/bpf/bpfseal/$1/xdp/link"; rm -rf "$R/sys/fs/bpf/bpfseal/$1"; }
outage() { mv "$R/var/lib/bpfseal/store" "$R/store.away" && mkdir "$R/var/lib/bpfseal/store"; }
outage_over() { rmdir "$R/var/lib/bpfseal/store" && mv "$R/store.away" "$R/var/lib/bpfseal/store"; }
use() { printf '{ "use": "net/%s", "version": "1.0.0" }' "$1"; }
configure() { # MEMBERS of eth0
	write_interfaces "\"eth0\": { \"xdp\": [ $1 ] }, \"eth1\": { \"xdp\": [ $(use count) ] }, \"late*\": { \"xdp\": [ $(use count) ] }"
}
two="$(use allow), $(use ratelimit)"

# ---- an edit that no sync has seen ----
write_interfaces "\"eth0\": { \"xdp\": [ $(use allow) ] }"
sed -i 's|net/allow|net/ratelimit|' "$R/etc/bpfseal/node.json"
ends 'what was not fetched yet cannot be planned' 6 node plan
check '... and how to get it is said' said "fix: run 'bpfseal sync': it fetches what node.json asks for"
sed -i "s/ratelimit/ratelmit/; s/\"1.0.0\"/\"*\"/" "$R/etc/bpfseal/node.json"
ends 'nor what is published nowhere' 3 node plan
check '... which is said as it is' said 'fix: look at the name; if it is right, nothing of that name is published'

# ---- a hold ----
configure "$two"
quiet node apply
configure "$(use allow)"
quiet node apply
ends 'what a rollback would do is shown, also of a chain that stays' 0 node rollback --dry-run
check '... as it is' said 'eth1 *xdp *keep *1 *net/count 1.0.0 *net/count 1.0.0'
quiet node rollback eth0
both='eth0 net/allow eth0 net/ratelimit eth1 net/count'
check 'a chain is rolled back' holds "$both"
outage
forget eth1
node status >"$R/tap.out" 2>&1
check 'of a program that is not there status has no number' said 'eth1 *xdp *1 *net/count *1.0.0 *- *- *MISSING'
ends 'in an outage another chain comes back' 6 node apply
check '... and both run' holds "$both"
check '... and the one is still held' finding rolled_back
outage_over
ends 'when it is over nothing is undone' 0 node apply
check '... for it is held' holds "$both"

# ---- a denial ----
configure "$two"
quiet node apply --resume
quiet bpfseal root delegate deny --dir "$R/team" --paths 'deny/*' --key "$(pub release-1)" --threshold 1
quiet bpfseal deny add "$R/team/ratelimit.bundle" --reason 'it lets all through' --dir "$R/team" --role deny
quiet with_keys targets-1 targets-2 -- bpfseal sign "$R/team/metadata/targets.json" --key "$(key targets-1)" --key "$(key targets-2)"
quiet with_keys release-1 -- bpfseal sign "$R/team/metadata/deny.json" --key "$(key release-1)"
quiet with_keys targets-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key targets-1)"
quiet bpfseal sync
quiet node apply
rest='eth0 net/allow eth1 net/count'
check 'a denied member leaves its chain' holds "$rest"
node watch >"$R/watch.out" 2>"$R/watch.err" &
watch=$!
PIDS="$PIDS $watch"
quiet until_so grep -q watching "$R/watch.out"
quiet wire late0
rest="$rest late0 net/count"
check 'a new interface gets its chain from the watch' until_so holds "$rest"
kill "$watch"
wait "$watch" 2>/dev/null
check '... and what was denied is still told' finding denied
outage
forget eth1
ends 'in an outage another chain comes back' 6 node apply
check '... and all run' holds "$rest"
check '... and what was denied is still told' finding denied
forget eth0
ends 'so the chain it left comes back too' 6 node apply
check '... without it' holds "$rest"
outage_over
forget eth0
ends 'and when the outage is over' 0 node apply
check '... without it' holds "$rest"

# ---- a disk that lost what it held ----
configure "$(use allow)"
quiet node apply
echo '{' >"$R/var/lib/bpfseal-loader/active.json"
ends 'a damaged record is refused' 3 node apply
check '... with the way out' said 'fix: remove it from /var/lib/bpfseal-loader'
rm "$R/var/lib/bpfseal-loader/active.json"
ends '... which is one' 0 node apply
check '... and nothing was lost' holds "$rest"
echo '{' >"$R/var/lib/bpfseal-loader/trust/corp/root.json"
ends 'so is a damaged root of what was trusted' 3 node apply
check '... with a way out too' said 'fix: if it is damaged, move the directory trust/NAME'
mv "$R/var/lib/bpfseal-loader/trust/corp" "$R/corp.away"
ends '... which is one' 0 node apply
check '... and all run' holds "$rest"
done_testing
