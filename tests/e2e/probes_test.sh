#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Probes from the author to the kernel: beside a chain's program and alone, only where the policy names their events.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/promise.sh"
kernel_world
world_wire
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null ||
	skip_all 'the tracing file system cannot be mounted here'

quiet world_team
quiet release "$SOURCE/tests/e2e/probes.json"
quiet pin

# The process that is watched is this shell: what it starts, it forks.
USE="{ \"use\": \"net/forks\", \"version\": \"1.0.0\", \"maps\": { \"whose\": [ { \"key\": 0, \"value\": $$ } ] } }"
write_probes() { # INTERFACES PROBES POLICY
	cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } }, "interfaces": { $1 }, "probes": [ $2 ], "policy": { $3 } }
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
}
events='"tracepoint/syscalls/sys_enter_getpgid", "raw_tracepoint/sched_process_*"'
open="\"helpers\": [\"base\", \"tracing\"], \"probes\": [ $events ]"
seen() { node map get net/forks seen --interface "$1" --hook "$2" --json | jq '.entries[0].value'; }
counts() { before=$(seen "$@") && /bin/true && /bin/true && [ "$(seen "$@")" -gt "$before" ]; }

write_probes "\"eth0\": { \"xdp\": [ $USE ] }" "" '"helpers": ["base", "tracing"]'
quiet bpfseal sync
ends 'a bundle with a probe is refused where the policy names no event' 5 node apply
check '... naming the event and what allows it' said '"tracepoint/syscalls/sys_enter_getpgid"'
check '... and nothing is loaded' [ "$(node status --json | jq '[.chains[].members[] | select(.program_id != 0)] | length')" = 0 ]
write_probes "\"eth0\": { \"xdp\": [ $USE ] }" "" "\"probes\": [ $events ]"
ends 'and where it keeps the helpers of probes' 5 node apply
write_probes "\"eth0\": { \"xdp\": [ $USE ] }" "" "$open"
if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 2 ]; then
	# Debian's default: what follows needs a tracepoint, which its kernel then gives to CAP_SYS_ADMIN only.
	ends 'a kernel that keeps its events is told' 7 node apply
	check '... with what keeps them' said 'kernel.perf_event_paranoid is above 2'
	check '... and what gives them' said 'sysctl -w kernel.perf_event_paranoid=2'
	check '... and nothing is loaded' [ "$(node status --json | jq '[.chains[].members[] | select(.program_id != 0)] | length')" = 0 ]
	skip_rest 'kernel.perf_event_paranoid is above 2: the kernel gives the loader no tracepoint'
fi
ends 'where both are allowed it runs' 0 node apply
check '... and its probes count what the policy lets them see' counts eth0 xdp
check '... in the map of its packets' sh -c "[ \$(nsenter --net=/run/netns/$NS $PLAYERS/packets send wire0 --src 10.0.0.1 --count 3 >/dev/null; nsenter --net=/run/netns/$NS $BIN/bpfseal map get net/forks seen --interface eth0 --json --root $R | jq '.entries[0].value') -ge 3000 ]"
ends '... and all is well' 0 node status --check
rm "$R/sys/fs/bpf/bpfseal/eth0/xdp/gen-1/probes/"*-1
ends 'a probe whose link is gone is found' 8 node status --check
check '... by name' finding probe_missing
ends '... and put back by apply' 0 node apply
ends '... whole' 0 node status --check

# ---- watched ----
promise_begin
watch_begin() {
	: >"$R/watch.json"
	nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --json --root "$R" >"$R/watch.json" 2>>"$R/watch.err" &
	WATCH=$!
	PIDS="$PIDS $WATCH"
	until_so grep -q '"watching"' "$R/watch.json"
}
now() { "$PLAYERS/foe" now; }
event() { # SINCE HOOK EVENT: its time; waits for it, a minute at most
	for _ in $(seq 1200); do
		found=$(jq -r --arg h "$2" --arg e "$3" --argjson t "$1" \
			'select(.time_ms >= $t and .hook == $h and .event == $e) | .time_ms' "$R/watch.json" | head -1)
		[ -n "$found" ] && { echo "$found"; return 0; }
		sleep 0.05
	done
	tail -3 "$R/watch.json"
	return 1
}
soon() { # MS SINCE HOOK EVENT
	t=$(event "$2" "$3" "$4") || { echo "$t"; return 1; }
	within "$1" "$2" "$t"
}
# deed SENTENCE HOOK CHECK-ARGUMENTS COMMAND...: told, mended, and they count again.
deed() {
	sentence=$1 hook=$2 iface=$3
	shift 3
	at=$(now)
	"$@" >"$R/deed.out" 2>&1 || { not_ok "$sentence: $(cat "$R/deed.out")"; return; }
	check "$sentence: told within a second" soon 1000 "$at" "$hook" found
	check '... mended within two' soon 2000 "$at" "$hook" mended
	check '... they count' counts "$iface" "$hook"
	ends '... and all is well' 0 node status --check
}
probes_of() { echo "$R/sys/fs/bpf/bpfseal/$1/$2/gen-$(node status --json | jq --arg h "$2" '.chains[] | select(.hook == $h) | .generation')"; }
check 'a watch over a chain with probes begins' watch_begin
dir=$(probes_of eth0 xdp)
deed 'the pin of a probe that is deleted' xdp eth0 sh -c "rm '$dir'/probes/*-1"
# What is put back meanwhile may stay.
deed 'all pins of its probes' xdp eth0 sh -c "rm -r '$dir/probes' 2>/dev/null || true"
check 'the kernel lets nobody detach the link of a probe' sh -c "! '$PLAYERS/foe' detach '$(find "$dir/probes" -name '*-1' | head -1)' 2>/dev/null"
kill -TERM $WATCH
wait $WATCH
rm "$dir"/probes/*-1
check 'what is lost while nobody watches' watch_begin
check '... is told when the watch is back, and built anew' event 0 xdp mended
check '... by its signed bytes, from our copies' grep -q 'restored from our own copies' "$R/watch.json"
check '... they count' counts eth0 xdp
ends '... and all is well' 0 node status --check

write_probes '' "$USE" "$open"
ends 'a bundle runs its probes alone' 0 node apply
until_so node watch --once
sleep 1
dir=$(probes_of :node probe)
deed 'the pin of one that runs alone' probe :node sh -c "rm '$dir'/probes/*-1"
deed 'the pin of its program' probe :node rm "$dir/prog-0"
deed 'all of it' probe :node sh -c "rm -r '$dir'/* 2>/dev/null || true"
kill -TERM $WATCH
wait $WATCH
check '... the chain is gone' [ "$(node status --json | jq -r '[.chains[].hook] | join(" ")')" = probe ]
check '... and they count' counts :node probe
ends '... and all is well' 0 node status --check
ends 'twice is once' 0 node apply
check '... nothing to do' said 'nothing to do'
write_probes '' '' "$open"
ends 'what node.json no longer asks for goes' 0 node apply
check '... all of it' [ ! -e "$R/sys/fs/bpf/bpfseal/:node/probe" ]
write_probes '' "{ \"use\": \"net/forks\", \"version\": \"1.0.0\", \"program\": \"packets\" }" "$open"
ends 'a program of packets is no probe' 5 node apply
done_testing
