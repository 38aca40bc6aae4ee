# SPDX-License-Identifier: Apache-2.0
# TAP for the end-to-end scripts: a sentence, and a command that must hold. Sourced after lib.sh.
TAP=0
ok() { TAP=$((TAP + 1)); echo "ok $TAP - $1"; }
not_ok() { TAP=$((TAP + 1)); echo "not ok $TAP - $1"; }
check() { # SENTENCE COMMAND...: the command succeeds
	sentence=$1
	shift
	if "$@" >"$R/tap.err" 2>&1; then
		ok "$sentence"
	else
		not_ok "$sentence"
		echo "# it does not hold: $*" | head -3
		sed 's/^/# /' "$R/tap.err"
	fi
}
ends() { # SENTENCE STATUS COMMAND...: the command ends with this exit status; what it said is in $R/tap.out
	sentence=$1 want=$2
	shift 2
	got=0
	"$@" >"$R/tap.out" 2>&1 || got=$?
	if [ "$got" = "$want" ]; then
		ok "$sentence"
	else
		not_ok "$sentence"
		echo "# exit status $got, not $want: $*"
		sed 's/^/# /' "$R/tap.out"
	fi
}
said() { grep -q -- "$1" "$R/tap.out"; }
done_testing() { echo "1..$TAP"; }
# Ends the script here where the machine lacks something; run.sh turns the skip into a failure where it is required.
skip_all() {
	echo "ok 1 # SKIP $1"
	echo '1..1'
	exit 0
}
# The same behind what could be tested.
skip_rest() {
	TAP=$((TAP + 1))
	echo "ok $TAP # SKIP $1"
	done_testing
	exit 0
}
# A world whose programs run in this kernel, or the end of the script.
kernel_world() {
	is_root || skip_all 'not run as root'
	world_begin
	can_load || skip_all "$WHY"
}
