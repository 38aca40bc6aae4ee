#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd units: sound as systemd reads them, no wider than they were, and the capabilities they leave are enough.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
world_begin
mkdir "$R/units"
for unit in "$SOURCE"/packaging/*.service "$SOURCE"/packaging/*.socket "$SOURCE"/packaging/*.timer; do
	sed "s|/usr/bin/bpfseal|$BIN/bpfseal|" "$unit" >"$R/units/${unit##*/}"
done
value() { sed -n "s/^$2=//p" "$SOURCE/packaging/bpfseal-$1"; }

if command -v systemd-analyze >/dev/null; then
	sound() { out=$(systemd-analyze --man=no verify "$@" 2>&1) && [ -z "$out" ] || { echo "$out"; return 1; }; }
	check 'systemd takes the units as they are' sound "$R"/units/*
	narrow() { # UNIT LIMIT: ten times the score that systemd gives it
		systemd-analyze security --offline=true --no-pager --threshold="$2" "$R/units/bpfseal-$1.service" 2>&1 | tail -1
		systemd-analyze security --offline=true --no-pager --threshold="$2" "$R/units/bpfseal-$1.service" >/dev/null 2>&1
	}
	check 'the fetcher is exposed to the network, and to little else' narrow sync 13
	check 'the loader has what it takes to load' narrow apply 27
	check '... and the watch to name' narrow watch 28
	check '... and what reads the maps no more' narrow metrics 26
	check 'the server becomes two users' narrow repod 25
	# As on a machine in the cloud: what fetches the machine's own configuration needs the network, and all else waits for it.
	cat >"$R/units/cloud.service" <<'UNIT'
[Unit]
DefaultDependencies=no
After=network-pre.target
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/true
[Install]
WantedBy=sysinit.target
UNIT
	mkdir -p "$R/units/sysinit.target.wants" "$R/units/multi-user.target.wants"
	ln -s ../cloud.service "$R/units/sysinit.target.wants/"
	for unit in apply watch; do ln -s "../bpfseal-$unit.service" "$R/units/multi-user.target.wants/"; done
	ordered() {
		out=$(SYSTEMD_UNIT_PATH="$R/units:" systemd-analyze --man=no verify multi-user.target 2>&1 | grep -i cycle)
		[ -z "$out" ] || { echo "$out"; return 1; }
	}
	check 'no machine waits in a circle for its network' ordered
else
	ok 'systemd takes the units as they are # SKIP there is no systemd-analyze here'
fi
check 'chains stand before the network does' [ "$(value apply.service Before | grep -c network-pre.target)$(value apply.service Wants)" = 1network-pre.target ]
check 'systemd lets the loader write to the BPF file system' [ "$(grep -l '^ProtectKernelTunables=yes' "$SOURCE"/packaging/bpfseal-apply.service "$SOURCE"/packaging/bpfseal-watch.service "$SOURCE"/packaging/bpfseal-metrics.service)" = '' ]
check 'a watch that comes back again and again starts no apply' [ "$(value watch.service Wants)$(value apply.service StartLimitIntervalSec)" = 0 ]
check 'what was fetched is applied' [ "$(value sync.service OnSuccess)" = bpfseal-apply.service ]
check 'who kills the watch is not rid of it' [ "$(value watch.service Restart)$(value watch.service StartLimitIntervalSec)" = always0 ]
check "... nor who stops it: systemd waits for its word" [ "$(value watch.service Type)$(value watch.service WatchdogSec)$(value repod.service Type)" = notify120snotify ]

# As the units run them: root with these capabilities and no others.
if ! is_root || ! can_load; then
	ok "the capabilities are enough # SKIP ${WHY:-not run as root}"
	done_testing
	exit 0
fi
world_wire
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
write_node "$URL" 1.0.0
sed -i 's/"policy"/"watch": { "name_foreign": true }, "policy"/' "$R/etc/bpfseal/node.json"
confined() { # UNIT COMMAND...: in the node's namespace, with the unit's capabilities
	caps=$(value "$1.service" CapabilityBoundingSet | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	user=$(value "$1.service" User)
	shift
	if [ -n "$user" ]; then
		set -- setpriv --reuid="$user" --regid="$user" --init-groups "$@"
	fi
	nsenter --net="/run/netns/$NS" setpriv --no-new-privs --bounding-set="-all${caps:+,$caps}" "$@" --root "$R"
}
# The repository listens outside the node's namespace.
fetch() { setpriv --reuid=bpfseal-fetch --regid=bpfseal-fetch --init-groups setpriv --no-new-privs --bounding-set=-all "$BIN/bpfseal" sync "$@" --root "$R"; }
came() { fetch --changes >"$R/came" 2>&1 && grep -q '^net/count 1.0.0 came from corp, sha256 ' "$R/came" && grep -q '^repository corp: root 1, ' "$R/came" || { cat "$R/came"; return 1; }; }
check 'sync runs as its user without any, and tells what came' came
check 'apply runs with those of its unit' confined apply "$BIN/bpfseal" apply
check '... twice' confined apply "$BIN/bpfseal" apply
once() { # and no word of a namer that did not start
	confined watch "$BIN/bpfseal" watch --once >"$R/once.out" 2>&1 && ! grep -q warning "$R/once.out" || { cat "$R/once.out"; return 1; }
}
check 'watch does, and has its namer' once
root_only() { [ "$(stat -c '%a %U %G' "$R/sys/fs/bpf")" = '1710 root bpfseal-loader' ] || { stat -c '%a %U %G' "$R/sys/fs/bpf"; return 1; }; }
check 'the BPF file system lets the loader through, and nobody else' root_only
# Runs as systemd would have it: standard output and error are the journal.
journal() {
	: >"$R/journal"
	JOURNAL_STREAM=$(stat -c %d:%i "$R/journal") "$@" >>"$R/journal" 2>&1
}
silent() { journal confined apply "$BIN/bpfseal" apply --changes && [ ! -s "$R/journal" ] || { cat "$R/journal"; return 1; }; }
check 'an apply that changes nothing says nothing' silent
silent() { JOURNAL_STREAM=; fetch --changes >"$R/journal" 2>&1 && [ ! -s "$R/journal" ] || { cat "$R/journal"; return 1; }; }
check '... nor does a sync' silent
"$PLAYERS/foe" detach "$R/sys/fs/bpf/bpfseal/eth0/xdp/link" >/dev/null
journal confined watch "$BIN/bpfseal" watch --once
check 'a finding has its priority in the journal' grep -q '^<4>.*link_detached' "$R/journal"
check '... and so has the refusal' grep -q '^<3>error: 1 finding' "$R/journal"
journal confined apply "$BIN/bpfseal" apply --changes
check 'a change is told' grep -q 'xdp on eth0: generation' "$R/journal"
# Whoever removes the whole directory takes the ground from under the watch: it ends, and its unit starts it again as root.
"$BIN/bpfseal" status --root "$R" >/dev/null
nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --root "$R" >"$R/watch.out" 2>&1 &
WATCH=$!
PIDS="$PIDS $WATCH"
wait_line "$R/watch.out"
# While the tree is taken down file by file, the watch mends it: who wants it gone tries again.
for _ in $(seq 200); do rm -r "$R/sys/fs/bpf/bpfseal" 2>/dev/null && break; done
gone() {
	until_so is_over $WATCH || kill $WATCH
	status=0
	wait $WATCH || status=$?
	[ $status = 7 ] && grep -q 'error: .*/sys/fs/bpf/bpfseal was removed' "$R/watch.out" || { echo "status $status"; cat "$R/watch.out"; return 1; }
}
check 'a watch whose directory is removed ends and says why' gone
nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --root "$R" >"$R/watch.out" 2>&1 &
PIDS="$PIDS $!"
wait_line "$R/watch.out"
back() { until_so chain_runs || { cat "$R/watch.out"; return 1; }; }
check '... and the next one puts the chain back' back
kill $!
check 'metrics writes its file' confined metrics "$BIN/bpfseal" metrics --output "$R/var/lib/bpfseal-metrics/bpfseal.prom"
check '... and how fresh the repository is' grep -q '^bpfseal_repository_expires_timestamp_seconds{repository="corp",role="net"} 1' "$R/var/lib/bpfseal-metrics/bpfseal.prom"
fresh() { node status --json | jq -e '.repositories[0] | .name == "corp" and .state == "good" and .age_s < 600 and .role == "timestamp" and .expires_in_s > 80000' >/dev/null; }
check '... which status tells, too' fresh
printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n' >"$R/request"
check 'and answers on a port of systemd' sh -c "grep -v '^Exec' '$SOURCE/packaging/bpfseal-metrics-http@.service' | grep -q '^StandardInput=socket' && ! grep -q '^ListenStream=[^1]' '$SOURCE/packaging/bpfseal-metrics-http.socket'"
check '... which no number of askers ends' grep -q '^TriggerLimitIntervalSec=0' "$SOURCE/packaging/bpfseal-metrics-http.socket"
check '... with the same capabilities' [ "$(value metrics-http@.service CapabilityBoundingSet)" = "$(value metrics.service CapabilityBoundingSet)" ]
check '... for the node exporter' sh -c "setpriv --reuid=nobody --clear-groups grep -q '^bpfseal_chain_programs' '$R/var/lib/bpfseal-metrics/bpfseal.prom'"
kill "$REPOD"
wait "$REPOD" 2>/dev/null
serve() {
	: >"$R/again.address"
	caps=$(value repod.service CapabilityBoundingSet | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	setpriv --no-new-privs --bounding-set="-all,$caps" "$BIN/bpfseal" repod serve --listen 127.0.0.1:0 --ready-fd 9 --root "$R" >>"$R/repod.log" 2>&1 9>"$R/again.address" &
	PIDS="$PIDS $!"
	wait_line "$R/again.address"
}
check 'and so does the server' serve
done_testing
