#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A bad upgrade at three in the morning: rolled back under traffic, held against the timer, told, and ended in each way.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
chain() { node status --json | jq -r '[.chains[].members[] | select(.state == "running") | "\(.name) \(.version)"] | join(" ")'; }
holds() { [ "$(chain)" = "$1" ] || { echo "it is: $(chain)"; return 1; }; }
counted() { counter net/count counts 17 packets; }
old='net/allow 1.0.0 net/ratelimit 1.0.0 net/count 1.0.0'
new='net/allow 1.0.0 net/ratelimit 1.0.0 net/count 2.0.0'

write_node "$URL" '*'
sed -i 's/"value": 2000/"value": 100000000/' "$R/etc/bpfseal/node.json"
cp "$R/etc/bpfseal/node.json" "$R/node.any"
quiet bpfseal sync
ends 'before anything ran there is nothing to go back to' 1 node rollback
check '... and it says so' said 'no earlier plan of this node'
quiet node apply
ends 'nor after the first plan' 1 node rollback
ends 'nor for an interface that nobody knows' 1 node rollback eth9
check '... which it says with a way out' said 'fix:'

# ---- the upgrade, and back under traffic ----
quiet release "$SOURCE/bpf/count2.json"
quiet bpfseal sync
quiet node apply
check 'a new version is applied' holds "$new"
ends 'what a rollback would do is shown' 0 node rollback --dry-run
check '... place by place, with the maps' said 'net/count 2.0.0  *net/count 1.0.0  *counts: kept'
check '... and not done' holds "$new"
before=$(counted)
stream_begin wire0 40000
quiet counts_past "$before"
ends 'it is rolled back under traffic' 0 node rollback
check '... while packets came' counts_past "$(counted)"
check '... all the time' stream_end
check '... to what ran before' holds "$old"
is_counted() { [ "$(counted)" = $((before + STREAMED)) ]; }
check '... and no packet was lost to it' until_so is_counted
check '... nor fell' sh -c "! $BIN/bpfseal status --root $R --json | jq -e 'any(.findings[]; .code == \"fell_through\")'"
check '... the audit log has it' grep -q '"event":"rollback"' "$R/var/lib/bpfseal-loader/audit.log"

# ---- held ----
ends 'the timer does not undo it' 0 node apply
check '... and no word that all is as node.json says' said 'nothing to do: what was rolled back is held'
check '... and says why' said 'held as it was rolled back'
check '... it runs on' holds "$old"
generation=$(node status --json | jq '.chains[0].generation')
quiet node apply
check '... untouched' [ "$(node status --json | jq '.chains[0].generation')" = "$generation" ]
ends 'nothing is pending' 0 node plan --check
ends 'but status tells' 8 node status --check
check '... what ends it' said "fix: 'bpfseal apply --resume' goes on with node.json"
check '... of the rollback' finding rolled_back
check '... and of no drift' sh -c "! $BIN/bpfseal status --root $R --json | jq -e 'any(.findings[]; .code == \"drift_from_config\")'"
ends 'what going on would do can be seen' 8 node plan --resume --check
check '... place by place' said 'net/count 1.0.0  *net/count 2.0.0'

# ---- and ended ----
ends 'the admin ends it' 0 node apply --resume
check '... and node.json holds again' holds "$new"
ends '... with nothing found' 0 node status --check
quiet node rollback eth0
check 'rolled back again' holds "$old"
quiet node rollback
check 'a second one goes forward' holds "$new"
ends '... and nothing is held' 0 node status --check
quiet node rollback
sed 's/"version": "\*"/"version": "2.*"/' "$R/node.any" >"$R/etc/bpfseal/node.json"
quiet node apply
check 'another line in node.json ends the hold' holds "$new"
cp "$R/node.any" "$R/etc/bpfseal/node.json"
quiet node apply
quiet node rollback
check 'and back' holds "$old"
quiet node unload
quiet node apply
check 'so does an unload' holds "$new"

# ---- reboot, outage ----
forget() { quiet bpftool link detach pinned "$R/sys/fs/bpf/bpfseal/eth0/xdp/link"; rm -rf "$R/sys/fs/bpf/bpfseal/eth0"; }
write_node "$URL" 1.0.0
quiet node apply
write_node "$URL" 2.0.0
quiet node apply
quiet node rollback
check 'held once more' holds "$old"
forget
ends 'after a reboot what is held comes back' 0 node apply
check '... as it was' holds "$old"
mv "$R/var/lib/bpfseal/store" "$R/store.away"
mkdir "$R/var/lib/bpfseal/store"
forget
ends 'without a store too' 6 node apply
check '... as it was' holds "$old"
ends 'and forward again without a store' 0 node rollback
check '... with an alarm' said 'alarm: .*by the metadata that was verified last'
check '... it runs' holds "$new"
quiet node rollback
rmdir "$R/var/lib/bpfseal/store"
mv "$R/store.away" "$R/var/lib/bpfseal/store"
ends 'the store is back: still held' 0 node apply
check '... as it was' holds "$old"
echo '{' >"$R/etc/bpfseal/node.json"
ends 'without a node.json there is no policy to admit by' 5 node rollback
write_node "$URL" 2.0.0

# ---- what was taken back ----
quiet node apply --resume
quiet bpfseal withdraw net/count 1.0.0 --dir "$R/team" --role net
quiet with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
quiet publish
quiet bpfseal sync
ends 'what was withdrawn does not come back' 3 node rollback
check '... with the reason' said 'withdrawn\|does not list\|no longer'
check '... and what runs stays' holds "$new"
done_testing
