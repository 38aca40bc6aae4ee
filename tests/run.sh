#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test programs and scripts that speak TAP and adds up what they said. Last line: N passed, N failed, N skipped.
# A test that ends without its plan, dies, or takes longer than TEST_SECONDS counts as failed.
set -u

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:abort_on_error=0:exitcode=99"

for test in "$@"; do
	start=$(date +%s)
	timeout -k 5 "${TEST_SECONDS:-600}" "$test" >"$log" 2>&1 </dev/null
	status=$?
	took=$(($(date +%s) - start))
	# cmocka says "not ok N # SKIP" of a skip, TAP says "ok N # SKIP".
	sed -i 's/^not ok \([0-9]* # SKIP\)/ok \1/' "$log"
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	skip=$(grep -ci '^ok .*# skip' "$log")
	plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ "$plan" != "$ok" ] || [ "$ok" = 0 ]; }; then
		bad=1
		echo "not ok - $test ended with status $status, $ok of $plan tests" >>"$log"
	fi
	# Where everything must run (BPFSEAL_REQUIRE), a skip is a failure with a reason.
	[ -z "${BPFSEAL_REQUIRE:-}" ] || bad=$((bad + skip))
	passed=$((passed + ok - skip)) failed=$((failed + bad))
	[ -n "${BPFSEAL_REQUIRE:-}" ] || skipped=$((skipped + skip))
	printf '%-60s %4d ok %3d failed %3d skipped %4d s\n' "${test#"${BPFSEAL_OUT:-}"/}" $((ok - skip)) "$bad" "$skip" "$took"
	if [ "$bad" != 0 ]; then
		grep -A 6 '^not ok' "$log" | sed 's/^/    /' | head -60
		echo '    ...'
		sed 's/^/    /' "$log" | tail -30
	elif [ "$skip" != 0 ]; then
		# Why, where the test says it in a line of its own, then which.
		grep -i skip "$log" | grep -v '^ok ' | sort -u | head -3 | sed 's/^/    /'
		grep -i '^ok .*# skip' "$log" | sed 's/^/    /'
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
