#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the chain costs: hops and the switch (tests/bench/hops.c), then `bpfseal apply` of ten programs, from exec to exit,
# beside what the kernel took to verify and compile those ten in the same runs. Medians; decides nothing.
# BENCH_RUNS: runs of each apply (default 11); BENCH_BUILDS: of each chain of the hops (default 5).
set -u
. "$(dirname "$0")/../e2e/lib.sh"
RUNS=${BENCH_RUNS:-11}
BENCH=$PLAYERS/bench
MEMBERS='0 1 2 3 4 5 6 7 8 9'
if ! is_root; then
	echo 'the chain is not measured: not run as root'
	exit 0
fi
"$BENCH/hops" "${BENCH_BUILDS:-5}" 9 || exit 1
world_begin
can_load || { echo "apply is not measured: $WHY"; exit 0; }
world_wire

# ---- a repository with ten bundles of each kind ----
manifest() { # NAME OBJECT ENTRY
	cat >"$R/$1.json" <<MANIFEST
{ "publisher": "net", "name": "$1", "version": "1.0.0", "description": "For the bench.", "license": "Dual BSD/GPL",
  "programs": [ { "object": "$2", "entry": "$3", "hook": "xdp", "linkage": "wrap" } ] }
MANIFEST
}
stock() {
	world_team
	set --
	for i in $MEMBERS; do
		manifest "count$i" count.bpf.o count
		manifest "core$i" core.bpf.o core
		manifest "heavy$i" heavy.bpf.o heavy
		manifest "heavier$i" heavy.bpf.o heavier
		set -- "$@" "$R/count$i.json" "$R/core$i.json" "$R/heavy$i.json" "$R/heavier$i.json"
	done
	release "$@"
	pin
}
stock >"$R/log" 2>&1 || { tail -20 "$R/log"; exit 1; }
URL=http://$(cat "$R/repod.address")

configure() { # FILE KIND MEMBER...
	to=$1 kind=$2 comma=
	shift 2
	{
		echo "{ \"repositories\": { \"corp\": { \"url\": \"$URL\" } }, \"interfaces\": { \"eth0\": { \"xdp\": ["
		for i in "$@"; do
			echo "$comma { \"use\": \"net/$kind$i\", \"version\": \"1.0.0\" }"
			comma=,
		done
		echo '] } }, "policy": { "programs": ["xdp"], "helpers": ["base"] } }'
	} >"$to"
	chmod 644 "$to"
}

# ---- apply ----
inside() { nsenter --net="/run/netns/$NS" "$@"; }
middle() { awk -v field="$1" '$1 == "loads" { print $field }' "$R/loads" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
row() { # LABEL NAME PREPARE
	: >"$R/loads"
	if ! cost=$(inside "$BENCH/measure" "$RUNS" 120 "$3" env "LD_PRELOAD=$BENCH/loads.so" "LOADS_OF=$2" \
		"$BIN/bpfseal" apply --root "$R" 2>>"$R/loads"); then
		printf '%-42s failed\n' "$1"
		grep -v '^loads' "$R/loads"
		return
	fi
	echo "$cost $(middle 3) $(middle 4)" | awk -v label="$1" '{
		printf "%-42s %9.1f %9.1f %6.2fx   %9.1f %9.1f %6.2fx\n", label, $6, $2, $2 / $6, $5, $1, $1 / $5 }'
}
unload="'$BIN/bpfseal' unload eth0 --root '$R' >/dev/null"
printf '\n%-42s %27s   %27s\n' "bpfseal apply, ten programs ($RUNS runs)" 'wall ms' 'CPU ms'
printf '%-42s %9s %9s %7s   %9s %9s %7s\n' '' 'verifier' 'apply' '' 'verifier' 'apply' ''
for kind in count core heavy heavier; do
	# shellcheck disable=SC2086
	configure "$R/etc/bpfseal/node.json" "$kind" $MEMBERS
	bpfseal sync >>"$R/log" 2>&1 || tail -5 "$R/log"
	case $kind in
	count) what='40 instructions each' ;;
	core) what='15 instructions, kernel types (CO-RE)' ;;
	heavy) what='2,000 instructions each' ;;
	heavier) what='8,000 instructions each' ;;
	esac
	row "$what" "$kind" "$unload; rm -f '$R'/var/lib/bpfseal-loader/objects/*"
	row '... objects known from before' "$kind" "$unload"
	configure "$R/one" "$kind" 0 1 2 3 4 5 6 7 8 9
	configure "$R/two" "$kind" 9 8 7 6 5 4 3 2 1 0
	row '... a new order of a running chain' "$kind" "
		mv '$R/one' '$R/now'; mv '$R/two' '$R/one'; mv '$R/now' '$R/two'; cp -p '$R/one' '$R/etc/bpfseal/node.json'"
done
