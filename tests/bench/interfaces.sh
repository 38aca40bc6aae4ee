#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What plan, apply and status cost with many interfaces, one small chain each under one pattern: twice as many should
# take twice as long. Prints; decides nothing.
set -u
. "$(dirname "$0")/../e2e/lib.sh"
is_root || { echo 'interfaces: SKIPPED: not run as root'; exit 0; }
world_begin
can_load || { echo "interfaces: SKIPPED: $WHY"; exit 0; }
quiet world_team
quiet release "$SOURCE/bpf/count.json"
quiet pin
cat >"$R/etc/bpfseal/node.json" <<NODE
{
  "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { "many*": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] } },
  "policy": { "helpers": ["base"] }
}
NODE
chmod 644 "$R/etc/bpfseal/node.json"
quiet bpfseal sync

took() { # WORD...: milliseconds of wall time and of the processor
	TIMEFORMAT='%R %U %S'
	/usr/bin/env bash -c 'TIMEFORMAT="%R %U %S"; time nsenter --net="/run/netns/'"$NS"'" "'"$BIN"'/bpfseal" "$@" --root "'"$R"'" >/dev/null' - "$@" 2>&1 |
		awk '{ printf "%9.0f ms (%5.0f ms CPU)", 1000 * $1, 1000 * ($2 + $3) }'
}
printf '%-12s %26s %26s %26s %26s %26s\n' interfaces 'first plan of all' 'apply, all new' 'apply, nothing to do' plan status
made=0
for count in ${COUNTS:-25 50 100 200 400}; do
	seq "$made" $((count - 1)) | sed 's/.*/link add many& type veth peer name wire&/' | ip -n "$NS" -batch -
	made=$count
	quiet node unload
	printf '%-12s' "$count"
	# As on a node that has never looked at the program.
	rm -f "$R"/var/lib/bpfseal-loader/objects/*.seen
	printf ' %26s' "$(took plan)" "$(took apply)" "$(took apply)" "$(took plan)" "$(took status)"
	echo
done
