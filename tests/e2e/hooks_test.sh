#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How chains stand on their hooks, with packets, as an admin sees it: TCX and clsact, in and out, beside the filters of
# others; interfaces under patterns, that are not there yet, and that get another name.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
inside() { nsenter --net="/run/netns/$NS" "$@"; }
inside sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
ip -n "$NS" link set lo up
wire eth0 wire0

quiet world_team
quiet release "$SOURCE/bpf/count.json" "$SOURCE/tests/e2e/flow-1.0.json"
quiet pin
flow='"tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ], "tc_egress": [ { "use": "net/flow", "version": "1.0.0" } ]'
count='"xdp": [ { "use": "net/count", "version": "1.0.0" } ]'
by() { node status --json | jq -r '[.chains[] | select(.hook != "xdp") | .link.by] | join(" ")'; }
stands() { [ "$(by)" = "$1 $1" ] || { echo "it is: $(by)"; return 1; }; }
seen() { # HOOK
	node map get net/flow seen --interface eth0 --hook "$1" --json | jq '[.entries[].value] | add'
}
# Packets that were sent since the maps are new, in and out.
in=0 out=0
traffic() {
	packets send wire0 --src 10.0.0.1 --count 30 >/dev/null
	packets send eth0 --src 10.0.0.2 --count 20 >/dev/null
	in=$((in + 30)) out=$((out + 20))
}
is_all() { [ "$(seen tc_ingress) $(seen tc_egress)" = "$in $out" ]; }
has_seen_all() {
	until_so is_all ||
		{ echo "it is: $(seen tc_ingress) of $in in, $(seen tc_egress) of $out out"; return 1; }
}
runs() { # IFACE...: exactly these have a whole chain
	got=$(node status --json | jq -r '[.chains[] | select(.link.attached) | .interface] | unique | join(" ")')
	[ "$got" = "$*" ] || { echo "it is: $got"; return 1; }
}

# ---- TCX and clsact ----
write_interfaces "\"eth0\": { \"tc_attach\": \"tcx\", $flow }"
if node apply >"$R/tap.out" 2>&1; then
	tcx=yes
	check 'a chain each way by TCX' stands tcx
	traffic
	check '... that sees every packet' has_seen_all
else
	tcx=
	ok 'a chain each way by TCX # SKIP this kernel has no TCX'
	check 'a kernel without TCX is told from one that refuses' said 'error: this kernel has no TCX for tc_ingress of eth0'
fi
doctor_says() { "$BIN/bpfseal" doctor --json --root "$R" | jq -e --arg s "$1" 'any(.. | objects; .check? == "tcx" and .grade? == $s)' >/dev/null; }
check '... and doctor knows it' doctor_says "$([ -n "$tcx" ] && echo ok || echo warning)"
write_interfaces "\"eth0\": { \"tc_attach\": \"clsact\", $flow }"
ends 'another way is a change' 8 node plan --check
check '... that is made' node apply
check '... a clsact filter under our name' stands clsact
inside tc filter show dev eth0 ingress >"$R/tap.out"
check '... first, for every protocol, direct' said 'protocol all pref 1 bpf chain 0 handle 0x1 bpfseal direct-action'
traffic
check '... that sees every packet, with what was counted before' has_seen_all
ends 'and then there is nothing to do' 0 node plan --check

# ---- others beside us ----
theirs() { # DIRECTION PREF
	inside tc filter add dev eth0 "$1" pref "$2" bpf da obj "$BPFSEAL_BPF/drop_tc.bpf.o" sec tc
}
has_theirs() { inside tc filter show dev eth0 "$1" | grep -q drop_tc.bpf.o; }
theirs ingress 20
ends 'a filter of others behind ours is a note' 0 node status --check
check '... and told' said 'foreign_after: .*clsact bpf filter, pref 20, .*drop_tc.bpf.o'
traffic
check '... and gets what ours lets on: nothing else changes' has_seen_all
inside tc filter add dev eth0 egress pref 1 handle 9 bpf da obj "$BPFSEAL_BPF/drop_tc.bpf.o" sec tc
ends 'a filter before ours is a finding' 8 node status --check
check '... and told' said 'foreign_before: .*pref 1, handle 0x9'
ends 'apply evicts nobody' 0 node apply
check '... and tells it too' said 'warning: tc_egress on eth0: foreign_before'
check '... it is still there' sh -c "nsenter --net=/run/netns/$NS tc filter show dev eth0 egress | grep -q 'handle 0x9'"
inside tc filter del dev eth0 egress pref 1 handle 9 bpf
inside tc filter del dev eth0 ingress pref 1
ends 'a filter that somebody deletes is found' 8 node status --check
check '... with its name' said link_detached
check 'apply puts it back' node apply
check '... in its place' stands clsact
inside tc filter del dev eth0 ingress pref 1
theirs ingress 1
ends 'a filter in our place is refused by name' 7 node apply
check '... with what it is' said 'drop_tc.bpf.o'
check '... and left there' sh -c "nsenter --net=/run/netns/$NS tc filter show dev eth0 ingress | grep -q 'pref 1 .*drop_tc.bpf.o'"
write_interfaces "\"eth0\": { $flow }"
if [ "$tcx" ]; then
	check 'TCX needs no place' node apply
	check '... it is the default here' stands tcx
	check '... and leaves theirs alone' has_theirs ingress
else
	inside tc filter del dev eth0 ingress pref 1
	theirs ingress 3
	check 'without TCX clsact is the default' node apply
	check '... and stands there' stands clsact
fi
check 'unload takes ours' node unload
check '... and no other filter' has_theirs ingress
ip -n "$NS" link del eth0
wire eth0 wire0
write_interfaces "\"eth0\": { \"tc_attach\": \"clsact\", $flow }"
quiet node apply
check 'a qdisc that we made goes with our last filter' node unload
check '... from the interface' sh -c "! nsenter --net=/run/netns/$NS tc qdisc show dev eth0 | grep -q clsact"

# ---- XDP modes ----
write_interfaces "\"eth0\": { $count }"
check 'XDP is native by default' node apply
check '... as the kernel sees it' sh -c "ip -n $NS -j link show eth0 | jq -e '.[0].xdp.mode == 1'"
write_interfaces "\"eth0\": { \"xdp_mode\": \"generic\", $count }"
check 'generic where the file says so' node apply
check '... as the kernel sees it now' sh -c "ip -n $NS -j link show eth0 | jq -e '.[0].xdp.mode == 2'"
write_interfaces "\"eth0\": { \"xdp_mode\": \"offload\", $count }"
ends 'a card does not take every program' 5 node plan
check '... for a reason' said 'no card takes net/count: its map counts is of type percpu_array'
ends '... which config check knows' 5 node config check
check '... likewise' said 'percpu_array'
ip -n "$NS" link add ifb9 type ifb
write_interfaces "\"ifb9\": { $count }"
ends 'a driver without native XDP is refused' 7 node apply
check '... with what helps' said 'native-or-generic'
write_interfaces "\"ifb9\": { \"xdp_mode\": \"native-or-generic\", $count }"
check '... and helps' node apply
check '... it runs there' runs ifb9

# ---- interfaces ----
write_interfaces "\"vpn0\": { $count }, \"eth*\": { $count }"
ends 'an interface that is not there blocks nobody' 0 node apply
check '... with a warning' said 'warning: there is no interface vpn0'
check '... the others run' runs eth0
ends 'plan says that it waits' 8 node plan --check
check '... in its row' said 'vpn0 .*wait'
ends 'status too' 8 node status --check
check '... by name' said 'interface_missing'
ip -n "$NS" link add vpn0 type veth peer name vpn1
wire eth1 wire1
check 'when it comes, and another one of the pattern' node apply
check '... both get their chains' runs eth0 eth1 vpn0
ends '... and all is well' 0 node status --check
ip -n "$NS" link del vpn0
ip -n "$NS" link del eth1
ends 'when they go' 0 node apply
check '... the rest stays' runs eth0
check '... and no pin of them' sh -c "[ \"\$(ls $R/sys/fs/bpf/bpfseal)\" = eth0 ]"
packets send wire0 --src 10.0.0.1 --count 7 >/dev/null
saw() { [ "$(node map get net/count counts --interface eth0 --json | jq '[.entries[].value.packets] | add')" -ge 7 ]; }
until_so saw
ip -n "$NS" link set eth0 down
ip -n "$NS" link set eth0 name eth7
ip -n "$NS" link set eth7 up
check 'an interface that gets another name' node apply
check '... takes its chain along' runs eth7
check '... with what it has counted' sh -c "[ \"\$(nsenter --net=/run/netns/$NS $BIN/bpfseal map get net/count counts --interface eth7 --json --root $R | jq '[.entries[].value.packets] | add')\" -ge 7 ]"
write_interfaces "\"eth*\": { $count }, \"*th7\": { $count }"
ends 'two patterns of one length for one name are refused' 5 node config check
done_testing
