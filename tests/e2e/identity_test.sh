#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Root pins a map of his own, of the same shape, under the name of a program's map while nobody watches: whoever looks next
# says so, apply says what is lost, and nothing of his comes into the chain.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire
quiet world_team
quiet release "$SOURCE/bpf/count.json"
quiet pin
cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } }, "policy": { "helpers": ["base"] },
  "interfaces": { "eth0": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] } } }
NODE
chmod 644 "$R/etc/bpfseal/node.json"
quiet bpfseal sync
check 'a chain runs' node apply
ends '... and is sound' 0 node status --check

maps() { echo "$R/sys/fs/bpf/bpfseal/eth0/xdp/maps/corp:net:count"; }
# In one step: a pin that is only gone may be back before the next command.
swap() { # OWNER
	bpftool map create "$R/sys/fs/bpf/theirs" type percpu_array key 4 value 16 entries 256 name counts
	[ -z "$1" ] || chown "$1" "$R/sys/fs/bpf/theirs"
	mv "$R/sys/fs/bpf/theirs" "$(maps)/counts"
}
id() { bpftool -j map show pinned "$(maps)/counts" | jq .id; }
says() { node status --json | jq -e "$@" >/dev/null; }

for owner in '' bpfseal-loader:; do
	ours=$(id)
	swap "$owner"
	theirs=$(id)
	[ -n "$owner" ] && whose='a map that the loader may open' || whose='one that root alone may open'
	ends "$whose is found by status" 8 node status --check
	check '... by its code' says '[.findings[].code] == ["map_replaced"]'
	check '... with the id of ours' says --arg id "map $ours," '.findings[0].text | contains($id)'
	[ -z "$owner" ] || check '... and of his' says --arg id "map $theirs;" '.findings[0].text | contains($id)'
	ends '... by a watch that only looks' 8 node watch --once
	check '... by its code' said map_replaced
	ends '... by plan' 8 node plan --check
	check '... which says what is lost' said 'counts: data lost'
	ends '... and map get does not show his numbers' "$([ -n "$owner" ] && echo 8 || echo 5)" node map get net/count counts
	ends 'apply makes a new one' 0 node apply
	check '... saying what was lost' said 'counts: data lost'
	check '... which is not his' [ "$(id)" != "$theirs" ]
	ends '... and all is sound' 0 node status --check
	ends '... with nothing more to do' 0 node plan --check
done

# ---- watched ----
nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --json --root "$R" >"$R/watch.json" 2>>"$R/watch.err" &
WATCH=$!
PIDS="$PIDS $WATCH"
event() { # EVENT: a minute at most
	for _ in $(seq 1200); do
		jq -se --arg e "$1" 'any(.[]; .event == $e)' "$R/watch.json" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	cat "$R/watch.json" "$R/watch.err"
	return 1
}
check 'a watch begins' event watching
ours=$(id)
for owner in '' bpfseal-loader:; do
	[ -n "$owner" ] && again='again, with one that the loader may open' || again='who holds the map puts it back'
	seen=$(jq -s '[.[] | select(.event == "mended")] | length' "$R/watch.json")
	seen=${seen:-0} # a line may be half written
	swap "$owner"
	back() {
		for _ in $(seq 1200); do
			[ "$(jq -s '[.[] | select(.event == "mended")] | length' "$R/watch.json")" -gt "$seen" ] && [ "$(id)" = "$ours" ] && return 0
			sleep 0.05
		done
		cat "$R/watch.json" "$R/watch.err"
		return 1
	}
	check "$again" back
	ends '... and all is sound' 0 node status --check
done
kill -TERM $WATCH
wait $WATCH
check 'it told it by its code alone' [ "$(jq -rs '[.[] | select(.event == "found") | .code] | unique | join(" ")' "$R/watch.json")" = map_replaced ]
done_testing
