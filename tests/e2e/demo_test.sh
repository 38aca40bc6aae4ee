#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo is a test: twice at once as root, once as an ordinary user, once interrupted. README.md shows what it printed.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
R=$(mktemp -d)
trap 'rm -rf "$R"' EXIT
# What the demos of this test left on the machine. Others may be at work on it too.
left() {
	ls -d "$R"/tmp/bpfseal-* 2>/dev/null
	mount | grep "$R"
	for world in $(sed -n 's/^state of this demo: .*bpfseal-//p' "$R/one" "$R/two" "$R/cut" "$R/tap.out" 2>/dev/null); do
		ip netns list 2>/dev/null | grep "bpfseal-$world"
	done
}
mkdir -m 1777 "$R/tmp"
chmod 755 "$R"

demo() { TMPDIR=$R/tmp "$SOURCE/tests/e2e/demo.sh"; }

if is_root; then
	demo >"$R/one" 2>&1 &
	one=$!
	demo >"$R/two" 2>&1
	two=$?
	wait $one
	one=$?
	cat "$R/one" >"$BPFSEAL_OUT/demo.txt"
	check 'two demos at once both end well' sh -c "[ $one = 0 ] && [ $two = 0 ] || { cat $R/one; exit 1; }"
	NS=bpfseal-probe-$$
	if can_load; then
		umount "$R/sys/fs/bpf"
		ip netns del "$NS"
		check 'packets are counted in the order of the chain' grep -q 'ok: seen by the counter, last in the chain' "$R/one"
		check 'no packet is lost over an upgrade, counters are kept' grep -q 'ok: counted over both versions' "$R/one"
		check 'everything unsigned is refused' grep -q 'done: everything that ran was signed' "$R/one"
	else
		skip_all "$WHY"
	fi
	check 'nothing is left behind' sh -c "[ -z '$(left)' ]"
	check 'README.md shows what it printed' "$SOURCE/tests/e2e/readme.sh" check "$R/one" "$SOURCE/README.md"
	# An interrupt takes everything back too.
	TMPDIR=$R/tmp setsid "$SOURCE/tests/e2e/demo.sh" >"$R/cut" 2>&1 &
	cut=$!
	sleep 3
	kill -INT -$cut
	wait $cut
	check 'nothing is left behind by an interrupted one' sh -c "[ -z '$(left)' ]"
fi

# As an ordinary user, from a copy that this user can read.
copy=$R/copy
mkdir -p "$copy/build/out" "$copy/tests" "$copy/home"
cp -r "$SOURCE/tests/e2e" "$copy/tests/"
cp -r "$SOURCE/bpf" "$SOURCE/packaging" "$copy/"
cp -r "$BPFSEAL_OUT/bin" "$copy/build/out/"
mkdir "$copy/build/out/tests"
cp "$PLAYERS"/packets "$PLAYERS"/mirror "$PLAYERS"/forge "$copy/build/out/tests/"
cp -r "$BPFSEAL_BPF" "$copy/build/bpf"
chmod -R a+rX "$R/copy"
as_nobody() {
	if is_root; then
		setpriv --reuid=65534 --regid=65534 --clear-groups env TMPDIR="$R/tmp" \
			BPFSEAL_OUT="$copy/build/out" BPFSEAL_BPF="$copy/build/bpf" "$copy/tests/e2e/demo.sh"
	else
		demo
	fi
}
ends 'an ordinary user gets as far as verification, and exit status 0' 0 as_nobody
check '... and is told where it stopped, and why' said 'demo stops before loading: not run as root'
check 'nothing is left behind by that either' sh -c "[ -z '$(left)' ]"
done_testing
