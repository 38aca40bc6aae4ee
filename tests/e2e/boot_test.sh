#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A node starts: the kernel has forgotten everything, no network is up, perhaps the metadata has expired. One apply brings
# back every chain, XDP and TC, before the first packet; how long that takes is told.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
IFACES='eth0 eth1 eth2'

# Interfaces as the kernel has them when it starts: there, and down.
wires() {
	for iface in $IFACES; do ip -n "$NS" link add "$iface" type veth peer name "wire${iface#eth}"; done
}
go_up() {
	for iface in $IFACES; do
		ip -n "$NS" link set "$iface" up
		ip -n "$NS" link set "wire${iface#eth}" up
	done
}
# Nothing of the kernel's stays, neither pins nor interfaces; everything of the disk does.
reboot() {
	ip netns del "$NS"
	umount "$R/sys/fs/bpf"
	mount -t bpf -o mode=700 bpf "$R/sys/fs/bpf"
	ip netns add "$NS"
	wires
}
# Two interfaces by a pattern, one by its name.
write_boot() { # COUNT_VERSION
	{
		echo "{ \"repositories\": { \"corp\": { \"url\": \"$URL\" } }, \"policy\": { \"helpers\": [\"base\"] }, \"interfaces\": {"
		comma=
		for iface in 'eth*' eth2; do
			cat <<CHAINS
$comma "$iface": {
  "xdp": [ { "use": "net/allow", "version": "1.0.0", "maps": { "allow_v4": [ { "key": "10.0.0.1", "value": 1 } ] } },
           { "use": "net/ratelimit", "version": "1.0.0" }, { "use": "net/count", "version": "$1" } ],
  "tc_ingress": [ { "use": "net/hooks", "version": "1.0.0", "program": "flow1" },
                  { "use": "net/hooks", "version": "1.0.0", "program": "flow2" } ],
  "tc_egress": [ { "use": "net/hooks", "version": "1.0.0" } ] }
CHAINS
			comma=,
		done
		echo '} }'
	} >"$R/etc/bpfseal/node.json"
	chmod 644 "$R/etc/bpfseal/node.json"
}
# How many programs run, in how many chains.
running() { node status --json | jq -r '"\([.chains[] | select(.link.attached)] | length) \([.chains[].members[] | select(.state == "running")] | length)"'; }
is_all() { [ "$(running)" = '9 18' ] || { echo "chains and programs: $(running)"; return 1; }; }
counts() { node status --json | jq -r '[.chains[].members[] | select(.name == "net/count") | .version] | unique | join(" ")'; }
# Starts the node's loader once, as at boot: sets GOT and TOOK, in milliseconds.
boot() {
	began=$(date +%s%N) GOT=0
	node apply >"$R/tap.out" 2>&1 || GOT=$?
	TOOK=$((($(date +%s%N) - began) / 1000000))
}

ip -n "$NS" link set lo up
wires
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json" "$SOURCE/tests/kernel/hooks.json"
quiet pin
write_boot 1.0.0
quiet bpfseal sync
quiet node apply
check 'nine chains on three interfaces' is_all

# ---- without a network ----
kill "$REPOD"
wait "$REPOD" 2>/dev/null
reboot
check 'after a reboot nothing runs' [ "$(running)" = '0 0' ]
boot
check 'one apply, with every interface down and no repository' [ "$GOT" = 0 ]
check '... brings back every chain' is_all
echo "# nine chains, eighteen programs: $TOOK ms"
ends '... and nothing is found' 0 node status --check
go_up
packets send wire0 --src 10.9.9.9 --count 20 >/dev/null
packets send wire0 --src 10.0.0.1 --count 10 >/dev/null
check '... with the first packet on' [ "$(counter net/allow allow_drops 0)" = 20 ]
check '... to its end' [ "$(counter net/count counts 17 packets)" = 10 ]

# ---- without even a store ----
mv "$R/var/lib/bpfseal/store" "$R/store.away"
reboot
boot
check 'without a store the exit status tells' [ "$GOT" = 6 ]
check '... and so does an alarm' said 'alarm: nothing new is admitted'
check '... and every chain is back' is_all
echo "# from our own copies alone: $TOOK ms"
mv "$R/store.away" "$R/var/lib/bpfseal/store"

# ---- on a full disk ----
LOADER=$R/var/lib/bpfseal-loader
mv "$LOADER" "$R/loader.away"
mkdir "$LOADER"
quiet mount -t tmpfs -o size=8m,mode=755 none "$LOADER"
quiet cp -a "$R/loader.away/." "$LOADER"
chown --reference="$R/loader.away" "$LOADER"
chmod --reference="$R/loader.away" "$LOADER"
fill() { dd if=/dev/zero of="$LOADER/ballast" bs=4k 2>/dev/null; } # until nothing more fits
rm -f "$LOADER/reserve"
fill
reboot
boot
check 'with a full disk and no room kept nothing can be recorded' [ "$GOT" != 0 ]
check '... so nothing is loaded' [ "$(running)" = '0 0' ]
rm "$LOADER/ballast"
quiet node apply
fill
node doctor >"$R/tap.out" 2>&1
check 'doctor tells that the disk is full' said 'less than 1 MiB is free: soon nothing can be applied'
reboot
boot
check 'in the room that an apply has kept the chains come back' [ "$GOT" = 0 ]
check '... every one' is_all
check '... and make room, somebody is told' said "warning: the disk of $LOADER is full"
check '... as room is kept for the next time' [ -s "$LOADER/reserve" ]
reboot
boot
check '... which finds it' [ "$GOT" = 0 ]
check '... and comes back too' is_all
umount "$LOADER"
rmdir "$LOADER"
mv "$R/loader.away" "$LOADER"

# ---- stale, with something new at hand ----
write_boot '*'
quiet node apply
expire "$SOURCE/bpf/count2.json" bpfseal sync
reboot
boot
check 'with stale metadata the exit status tells' [ "$GOT" = 4 ]
check '... and so does an alarm' said 'alarm: nothing new is admitted'
check '... and every chain is back' is_all
check '... as it was, though something newer is at hand' [ "$(counts)" = 1.0.0 ]
echo "# with stale metadata: $TOOK ms"
boot
check 'a second start finds it so' is_all
done_testing
