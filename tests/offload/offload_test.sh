#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A chain on a card, as an admin sees it, on the kernel's simulated card (module netdevsim). That one takes programs and
# maps and keeps them, and runs nothing: what a packet meets there, tests/kernel/fuse_test.c shows in the host. Not part
# of `make check`, as few kernels have the module: `make check-offload`.
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
is_root || skip_all 'not run as root'
BUS=/sys/bus/netdevsim
[ -w "$BUS/new_device" ] || skip_all "no simulated card here: the kernel's module netdevsim is not loaded"
world_begin
can_load || skip_all "$WHY"
quiet() { "$@" >>"$R/quiet.log" 2>&1 || { cat "$R/quiet.log"; exit 1; }; }
inside() { nsenter --net="/run/netns/$NS" "$@"; }

# The card is made in the network namespace of whoever asks for it.
CARD=$(($$ % 30000 + 100))
DEBUG=/sys/kernel/debug/netdevsim/netdevsim$CARD
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug || skip_all 'no debugfs'
card_up() {
	inside sh -c "echo '$CARD 1' >$BUS/new_device"
	sleep 0.3
	name=$(ip -n "$NS" -j link | jq -r '.[] | select(.ifname != "lo" and (.ifname | startswith("v") | not)) | .ifname')
	[ "$name" = eth0 ] || ip -n "$NS" link set "$name" name eth0
	ip -n "$NS" link set eth0 up
}
card_down() { echo "$CARD" >"$BUS/del_device"; }
trap 'card_down 2>/dev/null; world_end' EXIT
ip -n "$NS" link set lo up
inside sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
quiet card_up

quiet world_team
quiet release "$SOURCE/tests/offload/told.json" "$SOURCE/tests/offload/told-1.1.json" "$SOURCE/bpf/count.json" \
	"$SOURCE/bpf/ratelimit.json" "$SOURCE/tests/e2e/flow-1.0.json"
quiet pin
use() { # PROGRAM [MAPS]
	version=1.0.0
	[ "$1" = told3 ] && version=1.1.0
	printf '{ "use": "net/told", "version": "%s", "program": "%s"%s }' "$version" "$1" "${2:+, \"maps\": { $2 \}}"
}
chain() { # MODE USE...: on eth0
	mode=$1 list=$2
	shift 2
	for one in "$@"; do list="$list, $one"; done
	write_interfaces "\"eth0\": { \"xdp_mode\": \"$mode\", \"xdp\": [ $list ] }"
}
status() { node status --json >"$R/status.json" || [ $? = 8 ]; }
has() { # JQ on the status
	status && jq -e "$1" "$R/status.json" >/dev/null || { jq -c . "$R/status.json"; return 1; }
}
# What the kernel and the card say.
mode_is() {
	got=$(ip -n "$NS" -j link show eth0 | jq -r '.[0].xdp.mode // 0')
	[ "$got" = "$1" ] || { echo "XDP mode is $got"; return 1; }
}
on_card() { cat "$DEBUG/ports/0/bpf_offloaded_id"; }
card_runs_ours() {
	has ".chains[0].link.program_id == $(on_card) and .chains[0].link.mode == \"offload\" and
		([.chains[0].members[] | .state == \"running\" and .program_id == $(on_card)] | all) and .ok"
}
bound() { find "$DEBUG/bpf_bound_progs" -mindepth 1 -maxdepth 1 | wc -l; }
bound_is() { # by and by: the kernel lets go of programs in its own time
	for _ in $(seq 40); do
		[ "$(bound)" = "$1" ] && return 0
		sleep 0.05
	done
	echo "there are $(bound) programs on the card"
	return 1
}
holds() { # MAP KEY PLACE VALUE
	got=$(node map get net/told "$1" "$2" --place "$3" --json | jq '.entries[0].value')
	[ "$got" = "$4" ] || { echo "it is $got"; return 1; }
}

# ---- put there, changed, taken off ----
chain offload "$(use told1 '"settings": [ { "key": 1, "value": 5 } ]')" "$(use told2)"
ends 'a chain for a card is planned' 8 node plan --check
check 'config check has no objection' node config check
ends '... and applied' 0 node apply
check '... which is said' said 'attached (offload)'
check 'the card has it, as status tells' card_runs_ours
check '... and the kernel' mode_is 3
check '... as one program and nothing besides' bound_is 1
ends 'nothing is left to do' 0 node plan --check
ends 'a look finds nothing' 0 node watch --once
check 'a map on the card has the values of node.json' holds settings 1 1 5
check '... and another can be set by hand' node map set net/told seen 0 41 --place 1 --force
check '... to be read' holds seen 0 1 41
check '... and told as the others are' sh -c "nsenter --net=/run/netns/$NS $BIN/bpfseal metrics --root $R | grep -q 'told.*41'"

chain offload "$(use told2)" "$(use told4)" "$(use told1 '"settings": [ { "key": 1, "value": 7 } ]')"
ends 'another order and one more is a change' 8 node plan --check
old=$(on_card)
ends '... that is made' 0 node apply
check '... by one switch' said 'switched'
check '... to another program on the card' [ "$(on_card)" != "$old" ]
check '... which is ours' card_runs_ours
check '... the only one' bound_is 1
check 'the maps kept what is in them' holds seen 0 3 41
check '... and have the new values' holds settings 1 3 7
ends '... and nothing is left to do' 0 node plan --check
check 'rollback goes back to the first' node rollback
check '... on the card' has ".chains[0].link.program_id == $(on_card)"
check '... with two members' has '.chains[0].members | length == 2'
check 'and on again' node apply --resume
check '... to three' has '.chains[0].members | length == 3'
check 'still with its maps' holds seen 0 3 41

# ---- values without a load ----
same=$(on_card)
chain offload "$(use told2)" "$(use told4)" "$(use told1 '"settings": [ { "key": 1, "value": 9 } ]')"
check 'another value' node apply
check '... loads nothing' [ "$(on_card)" = "$same" ]
check '... and is there' holds settings 1 3 9

# ---- what is refused ----
chain offload "$(use told1)" '{ "use": "net/count", "version": "1.0.0" }'
ends 'a map that no card has' 5 node plan
check '... is named with its program' said 'no card takes net/count: its map counts is of type percpu_array'
check '... its place' said 'node.json:'
check '... and what helps' said '"xdp_mode": "native"'
chain offload "$(use told1)" '{ "use": "net/ratelimit", "version": "1.0.0" }'
ends 'a program that jumps by itself' 5 node apply
check '... is told' said 'no card takes net/ratelimit: it'
ip -n "$NS" link add v0 type veth peer name v1
write_interfaces "\"v0\": { \"xdp_mode\": \"offload\", \"xdp\": [ $(use told1) ] }, \"eth0\": { \"xdp_mode\": \"offload\", \"xdp\": [ $(use told2) ] }"
ends 'an interface without a card' 7 node apply
check '... is told' said 'v0 has no card that runs programs'
check '... with its place' said 'node.json:'
check '... before anything is touched' [ "$(on_card)" = "$same" ]
chain offload "$(use told1)"
chain offload "$(use told1)" "$(use told5)"
ends 'what is too deep for one program' 7 node apply
check '... is told' said 'refuses the chain on xdp of eth0 as one program: the call stack of . frames is too deep'
check '... with its log' grep -q 'frames is too deep' "$R/var/lib/bpfseal-loader/logs/eth0.xdp.log"
check '... and leaves the old one' [ "$(on_card)" = "$same" ]
chain offload "$(use told1)"
echo 0 >"$DEBUG/bpf_bind_verifier_accept"
ends 'what the card refuses' 7 node apply
check '... touches nothing' [ "$(on_card)" = "$same" ]
echo 1 >"$DEBUG/bpf_bind_verifier_accept"
echo 0 >"$DEBUG/ports/0/bpf_map_accept"
chain offload "$(use told1)" "$(use told3)"
ends '... of a map, too' 7 node apply
check '... with its name' said 'the card does not make map'
echo 1 >"$DEBUG/ports/0/bpf_map_accept"
echo 0 >"$DEBUG/ports/0/bpf_xdpoffload_accept"
ends '... and of the switch' 7 node apply
check '... after which the old one runs' [ "$(on_card)" = "$same" ]
check '... alone' bound_is 1
echo 1 >"$DEBUG/ports/0/bpf_xdpoffload_accept"
without() { inside setpriv --bounding-set=-sys_admin "$BIN/bpfseal" "$@" --root "$R"; }
ends 'without CAP_SYS_ADMIN' 7 without apply
check '... what is missing is told' said 'CAP_SYS_ADMIN'
check '... while the chain runs on' [ "$(on_card)" = "$same" ]
ends 'with it all is well' 0 node apply
check '... on the card' card_runs_ours

# ---- others ----
back() { # the chain is on the card again, within the seconds that watch has for it, and more for a slow machine
	for _ in $(seq 100); do
		card_runs_ours >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	card_runs_ours
}
link() { status && jq -r '.chains[0].link.id' "$R/status.json"; }
check 'nobody takes it off by netlink' sh -c "! ip -n $NS link set eth0 xdpoffload off 2>/dev/null"
quiet bpftool link detach id "$(link)"
check 'a link that was detached leaves the card empty' [ "$(on_card)" = 0 ]
ends '... which is found' 8 node watch --once
check '... and mended' node apply
check '... on the card' card_runs_ours
rm "$R/sys/fs/bpf/bpfseal/eth0/xdp/gen-"*/prog-1
ends 'a pin that is gone is found' 8 node watch --once
check '... and mended, too' node apply
check '... on the card, again' card_runs_ours
nsenter --net="/run/netns/$NS" "$BIN/bpfseal" watch --root "$R" >"$R/watch.out" 2>&1 &
watch=$!
PIDS="$PIDS $watch"
sleep 2
quiet bpftool link detach id "$(link)"
check 'a watch puts a detached one back' back
rm "$R/sys/fs/bpf/bpfseal/eth0/xdp/gen-"*/prog-0 "$R/sys/fs/bpf/bpfseal/eth0/xdp/link"
check '... and pins' back
check '... of which it tells' grep -q link_detached "$R/watch.out"
card_down
sleep 1
quiet card_up
check '... and the chain of a card that comes back' back
kill "$watch"
wait "$watch" 2>/dev/null
mkdir "$R/sys/fs/bpf/theirs"
quiet inside bpftool prog load "$BPFSEAL_BPF/count.bpf.o" "$R/sys/fs/bpf/theirs/host" type xdp
quiet inside bpftool net attach xdpdrv pinned "$R/sys/fs/bpf/theirs/host" dev eth0
check 'a program of somebody else in the driver runs after ours' has '.chains[0].after | length == 1'
check '... which is no damage' has '.ok and .chains[0].link.mode == "offload"'
ends '... and nothing to do' 0 node plan --check
chain native "$(use told1)"
ends '... but where ours shall stand' 7 node apply
check '... it is named' said 'a program that is not ours is on xdp of eth0'
quiet inside bpftool net detach xdpdrv dev eth0
rm "$R/sys/fs/bpf/theirs/host"

# ---- host and card ----
chain native "$(use told1)" "$(use told3)"
ends 'from the card to the driver' 0 node apply
check '... is one step' mode_is 1
check '... that leaves nothing on the card' bound_is 0
check '... and takes no data along' said 'data lost'
chain offload "$(use told1)" "$(use told3)"
ends 'and back' 0 node apply
check '... as status tells' card_runs_ours
check '... and the kernel' mode_is 3

flow='"tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ], "tc_egress": [ { "use": "net/flow", "version": "1.0.0" } ]'
write_interfaces "\"eth0\": { \"xdp_mode\": \"offload\", \"xdp\": [ $(use told1), $(use told3) ], $flow }"
ends 'chains on TC stand beside it' 0 node apply
check '... in the host' has '[.chains[] | select(.hook != "xdp") | .link | .attached and .mode == ""] | length == 2 and all'
check '... and the one on the card is untouched' card_runs_ours
chain offload "$(use told1)" "$(use told3)"
quiet node apply

# ---- a loader that is killed at any moment ----
# How long a whole one takes here, in milliseconds.
chain offload "$(use told3)" "$(use told1)"
begun=$(date +%s%3N)
quiet node apply
whole=$(($(date +%s%3N) - begun))
rounds=${OFFLOAD_KILLS:-20} i=0 bad=0 killed=0 entered=0
while [ "$i" -lt "$rounds" ]; do
	i=$((i + 1)) was=$(on_card) moment=$((whole * 3 * i / (2 * rounds) + 1))
	if [ $((i % 2)) = 0 ]; then chain offload "$(use told1)" "$(use told3)"; else chain offload "$(use told3)" "$(use told4)" "$(use told1)"; fi
	inside timeout -s KILL "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))" "$BIN/bpfseal" apply --root "$R" >/dev/null 2>&1
	[ $? = 137 ] && killed=$((killed + 1))
	[ "$(on_card)" = "$was" ] || entered=$((entered + 1))
	# The old chain or the new one, whole, and on the card.
	has ".chains[0].link.program_id == $(on_card) and (.chains[0].members | length == 2 or length == 3) and
		([.chains[0].members[] | .state == \"running\"] | all)" >"$R/kill.out" 2>&1 || { bad=$((bad + 1)); cat "$R/kill.out"; }
done
echo "# of $rounds loaders $killed were killed, where a whole one took $whole ms; $entered new chains were entered"
check "killed at any moment, it is the old or the new chain" [ "$bad" = 0 ]
check '... though loaders were killed' [ "$killed" -gt 0 ]
check '... which the next run makes the new one' node apply
check '... on the card' card_runs_ours
check '... alone' bound_is 1
ends '... with nothing left to do' 0 node plan --check

# ---- cards that come and go ----
card_down
ends 'without its card the chain waits' 0 node apply
quiet card_up
ends 'with it, it is there again' 0 node apply
check '... on the card' card_runs_ours
check 'unload takes it off' node unload
check '... whole' bound_is 0
check '... from the kernel' mode_is 0
check '... and from our tree' sh -c "[ -z \"\$(find $R/sys/fs/bpf/bpfseal -mindepth 1 -type f)\" ]"
done_testing
