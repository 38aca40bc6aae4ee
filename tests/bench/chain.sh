#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the chain costs: hops and the switch (tests/bench/hops.c), then `bpfseal apply` of ten programs, from exec to exit,
# beside what the kernel took to verify and compile those ten in the same runs, and what a peer needs that only loads them.
# Medians; decides nothing.
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
# Ten different objects of each kind, as real ones would be: none is looked at or kept for another. What tells them apart
# stands behind the end of the file, where nothing refers to it.
object() { # NAME OBJECT
	cp "$BPFSEAL_BPF/$2" "$R/objects/$1.bpf.o" && echo "$1" >>"$R/objects/$1.bpf.o"
}
stock() {
	world_team
	mkdir "$R/objects"
	set --
	for i in $MEMBERS; do
		for kind in count core heavy heavier; do
			case $kind in
			heavier) object "$kind$i" heavy.bpf.o ;;
			*) object "$kind$i" $kind.bpf.o ;;
			esac
			manifest "$kind$i" "$kind$i.bpf.o" $kind
			set -- "$@" "$R/$kind$i.json"
		done
	done
	BPFSEAL_BPF=$R/objects
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
row() { # LABEL NAME PREPARE COMMAND...
	label=$1 of=$2 prepare=$3
	shift 3
	: >"$R/loads"
	if ! cost=$(inside "$BENCH/measure" "$RUNS" 120 "$prepare" env "LD_PRELOAD=$BENCH/loads.so" "LOADS_OF=$of" \
		"$@" 2>>"$R/loads"); then
		printf '%-42s failed\n' "$label"
		grep -v '^loads' "$R/loads" | tail -3
		return
	fi
	echo "$cost $(middle 3) $(middle 4)" | awk -v label="$label" '{
		printf "%-42s %9.1f %9.1f %6.2fx   %9.1f %9.1f %6.2fx\n", label, $6, $2, $2 / $6, $5, $1, $1 / $5 }'
}
apply() { # LABEL NAME PREPARE
	row "$@" "$BIN/bpfseal" apply --root "$R"
}
# The same ten by a program that does nothing else, and by one that also chains them.
peers() { # KIND
	set -- "$1" "$R/objects/$1"[0-9].bpf.o
	kind=$1
	shift
	detach='ip link set eth0 xdp off'
	row '... loaded by plain libbpf, one attached' "$kind" "$detach" "$BENCH/plain" eth0 "$kind" "$@"
	inside sh -c "$detach" >>"$R/log" 2>&1
	if ! command -v xdp-loader >/dev/null; then
		printf '%-42s not installed\n' '... loaded and chained by xdp-loader'
	elif ! inside xdp-loader load -n "$kind" eth0 "$@" >"$R/peer" 2>&1; then
		printf '%-42s %s\n' '... loaded and chained by xdp-loader' "cannot: $(tail -1 "$R/peer")"
	else
		inside xdp-loader unload eth0 --all >>"$R/log" 2>&1
		row '... loaded and chained by xdp-loader' "$kind" 'xdp-loader unload eth0 --all >/dev/null 2>&1; true' \
			xdp-loader load -n "$kind" eth0 "$@"
		inside xdp-loader unload eth0 --all >>"$R/log" 2>&1
	fi
}
# Put away, not deleted: some file systems look for a new file's place longer where many were deleted just before.
mkdir "$R/forgotten"
forget="mv '$R/var/lib/bpfseal-loader/objects' \$(mktemp -d '$R/forgotten/XXXXXX')"
unload="'$BIN/bpfseal' unload eth0 --root '$R' >/dev/null 2>&1"
printf '\n%-42s %27s   %27s\n' "bpfseal apply, ten programs ($RUNS runs)" 'wall ms' 'CPU ms'
printf '%-42s %9s %9s %7s   %9s %9s %7s\n' '' 'verifier' 'all' '' 'verifier' 'all' ''
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
	apply "$what" "$kind" "$unload; $forget"
	apply '... objects known from before' "$kind" "$unload"
	configure "$R/one" "$kind" 0 1 2 3 4 5 6 7 8 9
	configure "$R/two" "$kind" 9 8 7 6 5 4 3 2 1 0
	apply '... a new order of a running chain' "$kind" "
		mv '$R/one' '$R/now'; mv '$R/two' '$R/one'; mv '$R/now' '$R/two'; cp -p '$R/one' '$R/etc/bpfseal/node.json'"
	inside sh -c "$unload"
	peers "$kind"
done
