# SPDX-License-Identifier: Apache-2.0
# What the fault tests share: a strike at the N-th call, and the state looked at after it. Sourced after tap.sh.
NTH=$PLAYERS/fault/nth.so
FAULT=$SOURCE/tests/fault
# Every so manieth instant; 1 in the long form.
STRIDE=${FAULT_STRIDE:-}
# Nothing here loses power, and thousands of syncs on a real disk would only wait for it.
[ -n "${TMPDIR:-}" ] || { [ -w /dev/shm ] && export TMPDIR=/dev/shm; }
# A sanitizer's runtime wants to be the first library; here the preloaded one is, and it needs none.
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"

page() { printf '%08d\0\0\0\0\0\0\0\0' "$1" >"$R/page"; chmod 666 "$R/page"; }
rearm() { printf '%08d' "$1" | dd of="$R/page" conv=notrunc status=none; }
calls() { od -An -t u8 -j8 -N8 "$R/page" | tr -d ' '; }
# The program runs with the library before it; only that program, so that no other call is counted.
struck() { # HOW COMMAND...
	how=$1
	shift
	env LD_PRELOAD="$NTH" NTH_PAGE="$R/page" NTH_HOW="$how" ${TRACE:+NTH_TRACE="$TRACE"} "$@"
}
strike() { # N HOW COMMAND...: sets GOT, the exit status, and says in HIT whether the instant came
	page "$1"
	at=$1
	shift
	GOT=0
	struck "$@" >"$R/strike.out" 2>&1 || GOT=$?
	HIT=$(($(calls) >= at))
}

# A sweep collects what is wrong and is one test.
problem() { echo "$*" >>"$R/problems"; }
sweep_begin() { : >"$R/problems"; POINTS=0; }
sweep_end() { # SENTENCE
	[ "$POINTS" -gt 0 ] || problem 'no instant was struck'
	check "$1 ($POINTS instants)" sh -c "head -20 $R/problems; test ! -s $R/problems"
}
# The durable order of one run, from its trace.
in_order() { awk -f "$FAULT/order.awk" -v only="$1" -v commit="$2" "$3"; }
