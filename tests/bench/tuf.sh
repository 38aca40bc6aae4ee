#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one run of our TUF client costs as a whole process, beside an independent client in the same run: medians of CPU
# time and peak memory. Prints a table; decides nothing. BENCH_RUNS: runs of each (default 11); BENCH_SECONDS: after
# which no further run of a slow one begins, and a single one has given up (default 240: some twelve minutes in all).
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../interop/peer.sh"
RUNS=${BENCH_RUNS:-11} SECONDS_MAX=${BENCH_SECONDS:-240}
CAP=67108864
TARGET=net/real/1.0.0.bundle
BENCH=$PLAYERS/bench
PEER_NAME=
if has_peer; then
	PEER_NAME="tuf-js $(sed -n 's/.*"tuf-js": "\(.*\)".*/\1/p' "$INTEROP/package.json")"
else
	echo "ours alone: $WHY"
fi
R=$(mktemp -d "${TMPDIR:-/tmp}/bpfseal-XXXXXX")
SERVER=
end() {
	trap - EXIT
	[ -z "$SERVER" ] || kill "$SERVER"
	rm -rf "$R"
}
trap 'end; exit 130' INT TERM HUP
trap end EXIT

# ---- one command ----
ours() { # WHAT
	set -- "$1" "$BIN/tuf-client" --targets-max "$CAP" --metadata-dir "$R/ours/metadata" --metadata-url "$URL/metadata/"
	case $1 in
	refresh) shift && measure "$@" refresh ;;
	*) shift && measure "$@" --target-dir "$R/ours/got" --target-base-url "$URL/targets/" --target-name "$TARGET" download ;;
	esac
}
theirs() { # WHAT
	set -- "$1" env "NODE_PATH=$PEER/node_modules" "$NODEJS" "$INTEROP/client.js" --targets-max "$CAP" \
		"$R/theirs/metadata" "$URL/metadata"
	case $1 in
	refresh) shift && measure "$@" ;;
	*) shift && measure "$@" "$R/theirs/got" "$URL/targets" "$TARGET" ;;
	esac
}
measure() { "$BENCH/measure" "$RUNS" "$SECONDS_MAX" "$PREPARE" "$@" 2>>"$R/log"; }
# A client with nothing but its first root; or one that has just fetched everything.
prepare() { # SIDE WHAT
	new="rm -rf '$R/$1'; mkdir -p '$R/$1/metadata' '$R/$1/got'; cp '$R/repository/metadata/1.root.json' '$R/$1/metadata/root.json'"
	if [ "$2" = pull ]; then
		PREPARE=$new
		return
	fi
	PREPARE=
	sh -c "$new"
	(RUNS=1 && "$1" pull) >/dev/null
}

# ---- one row ----
row() { # LABEL WHAT BUDGET_MS BUDGET_MIB [alone]
	if prepare ours "$2"; then our=$(ours "$2") || our=; fi
	their=
	if [ -n "$PEER_NAME" ] && [ -z "${5:-}" ] && prepare theirs "$2"; then their=$(theirs "$2") || their=; fi
	echo "$our / ${their:-}" | awk -v label="$1" -v cpu="$3" -v mib="$4" -v alone="${5:-}" -v peer="$PEER_NAME" '
		function against(have, want) { return want == "" ? "" : sprintf("%s %s", have <= want ? "<=" : "OVER", want) }
		{
			if ($1 == "/") { printf "%-44s failed\n", label; exit }
			printf "%-44s %8.1f %-9s %7.1f %-9s", label, $1, against($1, cpu), $3 / 1024, against($3 / 1024, mib)
			if ($6 != "") printf " %9.1f %7.1f   %6.1fx %6.1fx   %d/%d\n", $6, $8 / 1024, $6 / $1, $8 / $3, $4, $9
			else printf " %17s   %15s   %d\n", peer == "" ? "-" : alone == "" ? "gave up" : "not asked", "", $4
		}'
}
world() { # TARGETS [BINS]: sets URL
	[ -z "$SERVER" ] || kill "$SERVER"
	rm -rf "$R/repository"
	"$BENCH/repository" "$R/repository" "$@"
	: >"$R/address"
	"$BENCH/serve" "$R/repository" >"$R/address" &
	SERVER=$!
	wait_line "$R/address"
	URL=http://$(cat "$R/address")
}

printf '%-44s %-18s %-17s %17s   %15s   %s\n' '' 'tuf-client' '' "$PEER_NAME" 'peer / ours' 'runs'
printf '%-44s %8s %-9s %7s %-9s %9s %7s   %7s %7s\n' '' 'CPU ms' 'budget' 'MiB' 'budget' 'CPU ms' 'MiB' 'CPU' 'memory'
world 100
row 'nothing new' refresh 15 16
row 'first pull, target of 1 MiB' pull 25 ''
world 10000
row '10,000 targets in one role: nothing new' refresh '' ''
row '10,000 targets in one role: first pull' pull '' ''
world 100000 256
row '100,000 targets in 256 bins: nothing new' refresh 20 16
row '100,000 targets in 256 bins: first pull' pull 20 16
world 100000
row '100,000 targets in one role: nothing new' refresh 500 128
# The peer needs quadratic time; asked once, it has given up.
row '100,000 targets in one role: first pull' pull 500 128 alone
