#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The watch in surroundings that fail it: nobody reads what it says, its audit log cannot be written, something is mounted
# over its pins. It goes on mending.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/promise.sh"
kernel_world
promise_begin
ip -n "$NS" link set lo up
for iface in x0 x1 x2 x3 x4; do
	wire $iface
done
configure() { # FILE
	cat >"$R/node.json"
	chmod 644 "$R/node.json"
	mv "$R/node.json" "$R/etc/bpfseal/node.json"
}
whole() {
	configure <<JSON
{ "repositories": { "corp": { "url": "$URL" } }, "policy": { "helpers": ["base"] }, "interfaces": {
  "x?": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] } } }
JSON
}
quiet world_team
quiet release "$SOURCE/bpf/count.json"
quiet pin
whole
quiet bpfseal sync
quiet node apply

in_node() { nsenter --net="/run/netns/$NS" "$@"; }
place() { echo "$R/sys/fs/bpf/bpfseal/$1/xdp"; }
detach() { in_node "$PLAYERS/foe" detach "$(place "$1")/link" >/dev/null; }
is_attached() { ip -n "$NS" -d link show dev "$1" | grep -q 'prog/xdp'; }
mends() { # IFACE
	detach "$1" || return 1
	until_so is_attached "$1"
}
: >"$R/watch.err"
watch_begin() { # [OUTPUT [ERRORS]]
	: >"$R/watch.json"
	nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --json --root "$R" >"${1:-$R/watch.json}" 2>>"${2:-$R/watch.err}" &
	WATCH=$!
	PIDS="$PIDS $WATCH"
}
begun() { until_so grep -q '"watching"' "$R/watch.json" || { cat "$R/watch.err"; exit 1; }; }
says() { until_so jq -se "any(.[]; $1)" "$R/watch.json"; } # CONDITION of some line
watch_end() { kill -TERM $WATCH; wait $WATCH; }

# ---- nobody reads ----
mkfifo "$R/unread"
exec 9<>"$R/unread"
fill() { dd if=/dev/zero of="$R/unread" oflag=nonblock bs=1 count=1000000 2>/dev/null; }
drain() { timeout 1 cat "$R/unread" >/dev/null; }
watch_begin '' "$R/unread"
begun
fill
echo '{' | configure
sleep 3
check 'while nobody reads its alarms it mends' mends x0
whole
drain
check '... and is not ended by it' mends x1
check '... and tells what was not read' says '.event == "trouble" and (.text | test("lines? before this one"))'
ends 'it ends when it is told to' 0 watch_end

watch_begin "$R/unread" ''
fill
check 'while nobody reads its lines it mends' mends x0
check '... again and again' mends x1
fill
ends '... and ends when it is told to' 0 watch_end
exec 9>&-

# ---- its log ----
log=$R/var/lib/bpfseal-loader/audit.log
watch_begin
begun
cp -p "$log" "$R/kept.log"
echo precious >"$R/precious"
chmod 666 "$R/precious"
rm "$log"
ln -s "$R/precious" "$log"
check 'with a link in the place of its log it mends' mends x0
check '... tells it' says '.event == "trouble" and (.text | test("cannot open the audit log"))'
check '... and writes nowhere else' [ "$(cat "$R/precious")" = precious ]
rm "$log"
mkfifo "$log"
chown bpfseal-loader: "$log"
check 'with a pipe there it mends' mends x1
check '... and tells it' says '.event == "trouble" and (.text | test("not a regular file"))'
rm "$log"
cp -p "$R/kept.log" "$log"
truncate -s 70000000000 "$log"
check 'with an endless one it mends' mends x2
check '... and tells it' says '.event == "trouble" and (.text | test("damaged, nothing is added"))'
cp -p "$R/kept.log" "$log"
truncate -s -20 "$log"
check 'one that was cut while it runs is gone on with' mends x3
noted() { grep -q '"event":"watch"' "$log" && node status; }
check '... as after a crash' until_so noted

# ---- mounts ----
now() { in_node "$PLAYERS/foe" now; }
told() { # IFACE CODE SINCE: within a second
	says ".interface == \"$1\" and .event == \"found\" and .code == \"$2\" and .time_ms >= $3" || return 1
	within 1000 "$3" "$(jq "select(.interface == \"$1\" and .code == \"$2\" and .time_ms >= $3) | .time_ms" "$R/watch.json" 2>/dev/null | head -1)"
}
is_whole() { node status --json | jq -e '.findings == []'; }
at=$(now)
mount -t bpf -o mode=700 bpf "$(place x4)"
chown bpfseal-loader: "$(place x4)"
check 'what is mounted over its pins is told within a second' told x4 pin_missing "$at"
check '... and it pins there what it holds' until_so is_whole
at=$(now)
rm "$(place x4)/gen-1/prog-0"
check '... where it listens' told x4 pin_missing "$at"
until_so is_whole
umount "$(place x4)"
check '... and all is as it was when that is gone' until_so is_whole
mount -t bpf bpf "$R/sys/fs/bpf/bpfseal"
check 'a mount over all of them ends it' until_so is_over "$WATCH"
check '... with the reason' grep -q 'error: another file system is mounted over' "$R/watch.err"
umount "$R/sys/fs/bpf/bpfseal"
watch_begin
begun
check 'the next one finds what was there' is_whole
ends '... and ends when it is told to' 0 watch_end
promise_end
done_testing
