#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Taking things back: channels, a version that is withdrawn, a digest that is denied; and that the rest of the chain runs
# on, its counters too, all the while.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
sign_net() { quiet with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"; }
# The programs of the chain in order, "net/allow 1.0.0 net/count 2.0.0", and whether each runs.
chain() { node status --json | jq -r '[.chains[].members[] | select(.state == "running") | "\(.name) \(.version)"] | join(" ")'; }
holds() { [ "$(chain)" = "$1" ] || { echo "it is: $(chain)"; return 1; }; }
send() { packets send wire0 --src 10.0.0.1 --count "${1:-10}" >/dev/null; }
flows() { before=$(counter net/count counts 17 packets) && send 10 && [ "$(counter net/count counts 17 packets)" = $((before + 10)) ]; }
# How many of five packets get through the chain.
arrive() {
	: >"$R/arrived"
	packets count eth0 --seconds 2 --count 5 >"$R/arrived" &
	counting=$!
	wait_line "$R/arrived"
	send 5
	wait $counting
	tail -n 1 "$R/arrived"
}
both='net/allow 1.0.0 net/ratelimit 1.0.0'

# ---- channels ----
quiet bpfseal bundle build --manifest "$SOURCE/bpf/count2.json" --object-dir "$BPFSEAL_BPF" --output "$R/team/count2.bundle"
quiet bpfseal bundle add "$R/team/count2.bundle" --dir "$R/team" --role net --channel tested
sign_net
quiet publish
write_node "$URL" '*'
quiet bpfseal sync
check 'a pattern takes what is released' node apply
check '... and not what is tested' holds "$both net/count 1.0.0"
sed 's/"version": "\*"/"version": "*", "channel": "tested"/' "$R/etc/bpfseal/node.json" >"$R/node.tested"
cp "$R/etc/bpfseal/node.json" "$R/node.released"
cp "$R/node.tested" "$R/etc/bpfseal/node.json"
quiet bpfseal sync
quiet node apply
check 'a node that follows the channel takes it' holds "$both net/count 2.0.0"
cp "$R/node.released" "$R/etc/bpfseal/node.json"
quiet node apply
check 'and goes back when it follows no longer' holds "$both net/count 1.0.0"
ends 'a version that is not there cannot be promoted' 2 bpfseal promote net/count 9.0.0 --channel released --dir "$R/team" --role net
ends 'nor to a channel that is none' 2 bpfseal promote net/count 2.0.0 --channel withdrawn --dir "$R/team" --role net
check 'a promotion is staged' bpfseal promote net/count 2.0.0 --channel released --dir "$R/team" --role net
sign_net
quiet publish
quiet bpfseal sync
quiet node apply
check 'what is promoted runs after the next poll' holds "$both net/count 2.0.0"
cp "$R/node.tested" "$R/etc/bpfseal/node.json"
quiet bpfseal sync
quiet node apply
check 'also where it was tested' holds "$both net/count 2.0.0"
cp "$R/node.released" "$R/etc/bpfseal/node.json"
check 'and counts' flows

# ---- withdrawal ----
check 'a withdrawal is staged' bpfseal withdraw net/count 2.0.0 --dir "$R/team" --role net
sign_net
quiet publish
sed 's/"version": "\*"/"version": "2.0.0"/' "$R/node.released" >"$R/etc/bpfseal/node.json"
ends 'who asks for exactly what was withdrawn is told by the fetcher' 3 bpfseal sync
ends '... and by the loader' 3 node apply
check '... and what runs stays' holds "$both net/count 2.0.0"
check '... and shows as no longer signed' finding no_longer_signed
ends '... so --check is 8' 8 node status --check
cp "$R/node.released" "$R/etc/bpfseal/node.json"
before=$(counter net/count counts 17 packets)
quiet bpfseal sync
quiet node apply
check 'a pattern moves to the best that remains' holds "$both net/count 1.0.0"
ends '... and nothing is found' 0 node status --check
check '... and its counters go on' [ "$(counter net/count counts 17 packets)" = "$before" ]
ends 'what was withdrawn does not come back with other bytes' 5 sh -c "
	jq '.description = \"another\"' $SOURCE/bpf/count2.json >$R/team/other.json &&
	$BIN/bpfseal bundle build --manifest $R/team/other.json --object-dir $BPFSEAL_BPF --output $R/team/other.bundle >/dev/null &&
	$BIN/bpfseal bundle add $R/team/other.bundle --dir $R/team --role net"

# ---- the deny list ----
quiet make_keys deny-1
quiet bpfseal root delegate deny --dir "$R/team" --paths 'deny/*' --key "$(pub deny-1)" --threshold 1
quiet with_keys targets-1 targets-2 -- bpfseal sign "$R/team/metadata/targets.json" --key "$(key targets-1)" --key "$(key targets-2)"
object=$(sha256sum "$BPFSEAL_BPF/count.bpf.o" | cut -d' ' -f1)
publish_deny() {
	quiet with_keys deny-1 -- bpfseal sign "$R/team/metadata/deny.json" --key "$(key deny-1)"
	quiet with_keys deny-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key deny-1)"
}
quiet with_keys targets-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key targets-1)"
check 'a delegation without a list denies nothing' sh -c "$BIN/bpfseal sync --root $R"
check '... to the loader as well' node apply
ends 'a reason is one line' 2 bpfseal deny add "$object" --reason "$(printf 'two\nlines')" --dir "$R/team" --role deny
ends 'a role that is not there is the wrong call' 2 bpfseal deny add "$object" --reason r --dir "$R/team" --role dany
ends 'a bundle is staged in no role that was never made' 2 bpfseal bundle add "$R/team/count.bundle" --dir "$R/team" --role nett
check '... which says what makes one' said 'fix: --dir is the ceremony directory, --role targets or a role that .bpfseal root delegate. made there'
check 'a denial is staged' bpfseal deny add "$BPFSEAL_BPF/count.bpf.o" --reason 'leaks addresses' --dir "$R/team" --role deny
check '... and shown' sh -c "$BIN/bpfseal deny show --dir $R/team --json | jq -e '.denied[0].sha256 == \"$object\"'"
publish_deny
quiet bpfseal sync
packets send wire0 --src 10.9.9.9 --count 7 >/dev/null
others() { for map in 'net/allow allow_drops' 'net/allow allow_v4' 'net/ratelimit rl_config' 'net/ratelimit rl_drops'; do
	# shellcheck disable=SC2086
	node map get $map --interface eth0 --json | jq -cS '.entries | sort_by(.key)'
done; }
others >"$R/others.before"
check 'strangers are counted' sh -c "grep -q 7 $R/others.before"
ends 'what runs and is denied is taken out' 0 node apply
check '... with an alarm that says why' said 'alarm: .*net/count 1.0.0 is denied.*leaks addresses'
check '... and the others run on' holds "$both"
others >"$R/others.after"
check '... with their counters and values as they were' cmp "$R/others.before" "$R/others.after"
check '... and the kernel holds no link to what is gone' sh -c "! ls $R/sys/fs/bpf/bpfseal/eth0/xdp/maps | grep -q count"
check 'status says what is missing and why' finding denied
check '... and nothing else' sh -c "! $(command -v jq) -e 'any(.findings[]; .code != \"denied\")' <<J
$(node status --json)
J"
ends '... and --check is 8' 8 node status --check
check 'the audit log has it once' [ "$(grep -c '"event":"denied"' "$R/var/lib/bpfseal-loader/audit.log")" = 1 ]
ends 'applied again, all is as it is' 0 node apply
check '... with the alarm' said 'alarm: .*leaks addresses'
check '... and no word that all is as node.json says' said 'nothing to do: what is denied is left out'
check '... and the log does not grow' [ "$(grep -c '"event":"denied"' "$R/var/lib/bpfseal-loader/audit.log")" = 1 ]

# ---- not back by any way ----
unlink_chain() { quiet bpftool link detach pinned "$R/sys/fs/bpf/bpfseal/eth0/xdp/link"; rm -rf "$R/sys/fs/bpf/bpfseal/eth0"; }
unlink_chain
ends 'after a reboot the others come back' 0 node apply
check '... without it' holds "$both"
mv "$R/var/lib/bpfseal/store" "$R/store.away"
mkdir -p "$R/var/lib/bpfseal/store"
got=0
node apply >"$R/tap.out" 2>&1 || got=$?
check 'without a store nothing new is admitted' [ "$got" != 0 ]
check '... and nothing denied comes back' holds "$both"
rmdir "$R/var/lib/bpfseal/store"
mv "$R/store.away" "$R/var/lib/bpfseal/store"
quiet node unload
ends 'who asks for what is denied is refused' 5 node apply
check '... with the reason' said 'leaks addresses'
check '... and nothing runs' holds ''

# ---- lifted ----
check 'a denial is lifted' bpfseal deny remove "$object" --dir "$R/team" --role deny
publish_deny
quiet bpfseal sync
check 'and it runs again' node apply
check '... as before' holds "$both net/count 1.0.0"
check '... and counts' flows

# ---- keep-and-alarm ----
cp "$R/etc/bpfseal/node.json" "$R/node.plain"
policy() { sed "s/\"eth0\": {/\"eth0\": { \"on_denied\": \"$1\",/" "$R/node.plain" >"$R/etc/bpfseal/node.json"; }
policy keep-and-alarm
quiet bpfseal deny add "$R/team/count.bundle" --reason 'the whole bundle' --dir "$R/team" --role deny
publish_deny
quiet bpfseal sync
ends 'what the admin keeps stays' 0 node apply
check '... with an alarm' said 'alarm: .*keep-and-alarm.*the whole bundle'
check '... and runs' holds "$both net/count 1.0.0"
check '... and counts' flows
check '... and packets arrive behind it' [ "$(arrive)" = 5 ]
check '... and shows' finding denied

# ---- drop ----
policy drop
ends 'where the admin wants no packet' 0 node apply
check '... a program of ours stands in its place' holds "$both bpfseal/drop 1.0.0"
check '... and nothing passes' [ "$(arrive)" = 0 ]
policy keep-and-alarm
ends 'what is gone is not loaded again to be kept' 0 node apply
check '... but left out' holds "$both"
policy remove
ends 'removed after all' 0 node apply
check '... the others run' holds "$both"

# ---- revoked both ways, and stale ----
quiet bpfseal deny remove "$R/team/count.bundle" --dir "$R/team" --role deny
publish_deny
quiet bpfseal sync
quiet node apply
check 'all three run again' holds "$both net/count 1.0.0"
quiet bpfseal deny add "$object" --reason 'withdrawn and denied' --dir "$R/team" --role deny
publish_deny
quiet bpfseal withdraw net/count 1.0.0 --dir "$R/team" --role net
sign_net
quiet publish
ends 'withdrawn and denied at once: the fetcher misses a version' 3 bpfseal sync
ends '... so does the loader' 3 node apply
check '... and what is denied is out all the same' holds "$both"
check '... with an alarm' said 'alarm: .*withdrawn and denied'
done_testing
