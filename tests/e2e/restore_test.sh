#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A node that reboots while its store or its repositories are an attacker's: what comes back from the loader's own copies,
# and that nothing comes back that was taken back, is unpinned, or is asked for from elsewhere.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
store=$R/var/lib/bpfseal/store

wires() {
	for n in 0 1; do
		ip -n "$NS" link add "eth$n" type veth peer name "wire$n"
		ip -n "$NS" link set "eth$n" up
		ip -n "$NS" link set "wire$n" up
	done
}
# The disk stays, the kernel forgets.
reboot() {
	ip -n "$NS" link del eth0
	ip -n "$NS" link del eth1
	find "$R/sys/fs/bpf/bpfseal" -depth -mindepth 1 \( -type d -exec rmdir {} \; -o -exec rm {} \; \) 2>/dev/null
	wires
}
# What runs: "eth0 net/allow eth1 net/count".
chains() { node status --json | jq -r '[.chains[] | .interface as $i | .members[] | select(.state == "running") | "\($i) \(.name)"] | join(" ")'; }
holds() { [ "$(chains)" = "$1" ] || { echo "it is: $(chains)"; return 1; }; }
ip -n "$NS" link set lo up
wires

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/count.json"
quiet pin
quiet bpfseal trust add mirr --url "$URL" --root-json "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"
# node.json: net/allow from mirr on eth0, net/count on eth1 from MIRR_URL's neighbour.
configure() { # MIRR_URL COUNT_FROM
	cat >"$R/etc/bpfseal/node.json" <<NODE
{
  "repositories": { "corp": { "url": "$URL" }, "mirr": { "url": "$1" } },
  "interfaces": {
    "eth0": { "xdp": [ { "use": "net/allow", "version": "1.0.0", "from": "mirr" } ] },
    "eth1": { "xdp": [ { "use": "net/count", "version": "1.0.0", "from": "$2" } ] }
  },
  "policy": { "programs": ["xdp"], "helpers": ["base"] }
}
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
}
both='eth0 net/allow eth1 net/count'
serve() { # OPTIONS...
	: >"$R/repod.address"
	"$BIN/bpfseal" repod serve --listen "$LISTEN" --ready-fd 9 --root "$R" "$@" >>"$R/repod.log" 2>&1 9>"$R/repod.address" &
	REPOD=$!
	PIDS="$PIDS $REPOD"
	wait_line "$R/repod.address"
}
stop() { kill "$REPOD"; wait "$REPOD" 2>/dev/null; }

# ---- the store is the attacker's, the metadata is fresh ----
configure "$URL" corp
quiet bpfseal sync
check 'two chains from two repositories' node apply
check '... run' holds "$both"
cp -a "$store" "$R/store.old"
quiet release "$SOURCE/bpf/ratelimit.json"
quiet bpfseal sync
quiet node apply
cp -a "$store" "$R/store.good"
after() { # SENTENCE STATUS: rebooted with the store as it is now, everything comes back all the same
	reboot
	ends "$1" "$2" node apply
	check '... and both chains come back' holds "$both"
	chmod -R u+rwX "$store" 2>/dev/null
	rm -rf "$store"
	cp -a "$R/store.good" "$store"
}
rm "$store"/blobs/"$(sha256sum "$BPFSEAL_BPF/allow.bpf.o" | cut -d' ' -f1)"
after 'one blob is gone: our copy serves' 0
rm "$store"/repo/*/current
after 'no current set' 6
rm -rf "${store:?}"/*
after 'an empty store' 6
rm -rf "$store"
mkdir -p "$store"
chmod 000 "$store"
after 'a store that cannot be read' 6
rm -rf "$store"
cp -a "$R/store.old" "$store"
after 'an older store' 4
for name in corp mirr; do echo '{}' >"$(readlink -f "$store/repo/$name/current")/timestamp.json"; done
after 'a timestamp that is none' 3
rm "$(readlink -f "$store/repo/mirr/current")"/*.net.json
check 'a role that we keep already is not missed' node apply

# ---- "from" ----
configure "$URL" mirr
ends 'the same program from another repository is another one' 8 node plan --check
ends '... in status too' 8 node status --check
configure "$URL" corp

# ---- one repository is withheld until it expires, the other one takes its program back ----
stop
admitted() { bpfseal sync && node apply; }
expire "$SOURCE/tests/e2e/count-2.1.json" admitted
serve
cp -a "$R/etc/bpfseal/trust/corp" "$R/corp.pin"
configure http://127.0.0.1:1 mirr
reboot
bpfseal sync >/dev/null 2>&1
ends 'with mirr stale' 4 node apply
check '... its chain comes back, but not what ran from corp' holds 'eth0 net/allow'
check '... with an alarm' said 'alarm: .*eth1 does not come back'
check '... and no word that it is kept' sh -c "! grep 'eth1: kept as it is' '$R/tap.out'"
configure http://127.0.0.1:1 corp
quiet bpfseal trust remove corp --yes
reboot
ends 'without a pin of corp' 4 node apply
check '... nothing of corp comes back' holds 'eth0 net/allow'
cp -a "$R/corp.pin" "$R/etc/bpfseal/trust/corp"
reboot
ends 'with the pin back and corp fresh' 4 node apply
check '... both come back' holds "$both"
jq 'del(.signed.targets["net/count/1.0.0.bundle"]) | .signed.version += 1 | .signatures = []' \
	"$R/team/metadata/net.json" >"$R/net.json"
mv "$R/net.json" "$R/team/metadata/net.json"
quiet with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
quiet publish
bpfseal sync >/dev/null 2>&1
reboot
ends 'what corp has taken back' 4 node apply
check '... does not come back' holds 'eth0 net/allow'
check '... with an alarm that says why' said 'alarm: .*eth1 .*no trusted role names target'
done_testing
