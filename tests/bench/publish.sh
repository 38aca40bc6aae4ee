#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one more bundle costs a repository of many: the security team's three commands and the server, with the delegate's
# targets in hash bins. Keys are not locked, so that no key derivation hides the rest. Prints a table; decides nothing.
#   publish.sh BINS BUNDLES...      PUBLISH_RUNS: publications of each (default 11)
set -u
. "$(dirname "$0")/../e2e/lib.sh"
RUNS=${PUBLISH_RUNS:-11}
WAIT_SECONDS=120
BENCH=$PLAYERS/bench
bins=$1
shift

quiet() { "$@" >>"$R/quiet.log" 2>&1 || { cat "$R/quiet.log" >&2; exit 1; }; }
unlocked() { quiet bpfseal key new "$(key "$1")" --no-passphrase; }
stop_repod() {
	kill "$REPOD"
	wait "$REPOD"
	PIDS=
}
# Of the server and its processes, with those that have ended: CPU time in milliseconds.
server_ms() {
	cat /proc/"$REPOD"/stat $(for pid in $(pgrep -P "$REPOD"); do echo "/proc/$pid/stat"; done) |
		sed 's/^.*) //' | awk -v hz="$(getconf CLK_TCK)" '{ n += $12 + $13 + $14 + $15 } END { print n * 1000 / hz }'
}
# cpu and wall of one command join the list WHAT.
measure() { # WHAT COMMAND...
	what=$1
	shift
	"$BENCH/measure" 1 600 '' "$@" >"$R/one" 2>"$R/one.err" || { cat "$R/one.err" >&2; exit 1; }
	cat "$R/one" >>"$R/$what"
}
median() { sort -n -k "$2" "$R/$1" | awk -v column="$2" '{ n[NR] = $column } END { print n[int((NR + 1) / 2)] }'; }

team_begin() {
	for name in root-1 targets-1 release-1; do unlocked "$name"; done
	quiet bpfseal repod init
	online=$R/var/lib/bpfseal-repod/online.pub
	quiet bpfseal root init --dir "$R/team" --root-key "$(pub root-1)" --root-threshold 1 --targets-key "$(pub targets-1)" \
		--targets-threshold 1 --snapshot-key "$online" --timestamp-key "$online"
	quiet bpfseal root delegate net --dir "$R/team" --paths 'net/*/*' --key "$(pub release-1)" --threshold 1 --bins "$bins"
	quiet bpfseal sign "$R/team/metadata/root.json" --key "$(key root-1)"
	quiet bpfseal sign "$R/team/metadata/targets.json" --key "$(key targets-1)"
	quiet bpfseal sign "$R/team/metadata/net.json" "$R"/team/metadata/net-*.json --key "$(key release-1)"
	quiet bpfseal repod pin "$R/team/metadata/root.json" \
		--fingerprint "$(bpfseal root show --dir "$R/team" --json | jq -r .fingerprint)"
}
# A repository that has this many already.
world() { # BUNDLES
	world_begin
	team_begin
	quiet start_repod
	measure first "$BIN/bpfseal" publish --dir "$R/team" --url "$URL" --key "$(key targets-1)"
	stop_repod
	install -m 0600 "$R/var/lib/bpfseal-sign/online.key" "$R/online.key"
	quiet "$BENCH/fill" "$R/team" "$R/var/lib/bpfseal-repod" "$R/online.key" "$(key release-1)" "$1"
	chown --reference "$R/var/lib/bpfseal-repod/metadata" "$R"/var/lib/bpfseal-repod/metadata/*
	before=$(date +%s%N)
	quiet start_repod
	STARTED=$((($(date +%s%N) - before) / 1000000))
}
release() { # VERSION
	jq --arg version "$1" '.version = $version' "$SOURCE/bpf/count.json" >"$R/count.json"
	quiet bpfseal bundle build --manifest "$R/count.json" --object-dir "$BPFSEAL_BPF" --output "$R/count.bundle"
	measure add "$BIN/bpfseal" bundle add "$R/count.bundle" --dir "$R/team" --role net
	# The drafts: those that were written last.
	find "$R/team/metadata" -name 'net-*.json' -newer "$R/count.bundle" >"$R/drafts"
	# shellcheck disable=SC2046
	measure sign "$BIN/bpfseal" sign $(cat "$R/drafts") --key "$(key release-1)"
	before=$(server_ms)
	measure publish "$BIN/bpfseal" publish --dir "$R/team" --url "$URL" --key "$(key release-1)"
	echo "$(server_ms) $before" | awk '{ print $1 - $2 }' >>"$R/server"
}
row() { # BUNDLES
	world "$1"
	files=$(ls "$R/var/lib/bpfseal-repod/metadata" | wc -l)
	for run in $(seq "$RUNS"); do release "1.0.$run"; done
	now=$(ls "$R/var/lib/bpfseal-repod/metadata" | wc -l)
	sum=$(awk -v runs="$RUNS" '{ n += $1 } END { print n / runs }' "$R/server")
	peak=$(awk '/VmHWM/ { print $2 / 1024 }' "/proc/$REPOD/status")
	printf '%8s %6s  %6.1f %6.1f  %6.1f %6.1f  %6.1f %6.1f %8.1f %8.1f %6.1f  %8.1f %8.1f\n' "$1" "$bins" \
		"$(median add 1)" "$(median add 2)" "$(median sign 1)" "$(median sign 2)" "$(median publish 1)" "$(median publish 2)" \
		"$sum" "$peak" "$(echo "$now $files $RUNS" | awk '{ print ($1 - $2) / $3 }')" "$STARTED" "$(median first 2)"
	world_end
}
printf '%8s %6s  %13s  %13s  %13s %8s %8s %6s  %8s %8s\n' '' '' 'bundle add' sign publish 'server' 'server' files 'start' 'first'
printf '%8s %6s  %6s %6s  %6s %6s  %6s %6s %8s %8s %6s  %8s %8s\n' bundles bins CPU wall CPU wall CPU wall 'CPU ms' 'MiB' made 'ms' 'ms'
for bundles in "$@"; do row "$bundles"; done
