#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The server's state when the power goes at each instant of a publication (A64): what it has acknowledged is there, and
# it goes on as if nothing had been.
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/fault.sh"
world_begin
repod=$BIN/bpfseal-repod
state=$R/var/lib/bpfseal-repod
signer=$R/var/lib/bpfseal-sign
paths="^($state/(metadata|blobs)|$signer)(/|\$)"

quiet world_team
quiet release "$SOURCE/bpf/count.json"
stop_repod() {
	kill "$REPOD" 2>/dev/null
	wait "$REPOD" 2>/dev/null
	PIDS=
}
begin_repod() { # HOW, or nothing: a server that no instant strikes
	: >"$R/repod.address"
	if [ $# = 1 ]; then
		page 0
		# Not by struck(): a function in the background would be a shell before the server.
		env LD_PRELOAD="$NTH" NTH_PAGE="$R/page" NTH_HOW="$1" ${TRACE:+NTH_TRACE="$TRACE"} "$repod" repod serve --listen "$LISTEN" --ready-fd 9 --root "$R" >>"$R/repod.log" 2>&1 9>"$R/repod.address" &
	else
		"$repod" repod serve --listen "$LISTEN" --ready-fd 9 --root "$R" >>"$R/repod.log" 2>&1 9>"$R/repod.address" &
	fi
	REPOD=$!
	PIDS=$REPOD
	wait_line "$R/repod.address"
}
# The whole of it ends: server, signer and broker.
await_end() {
	for _ in $(seq 1200); do
		kill -0 "$REPOD" 2>/dev/null || return 0
		[ "$(ps -o stat= -p "$REPOD" | cut -c1)" != Z ] || return 0
		sleep 0.05
	done
	return 1
}
restore() {
	rm -rf "$state" "$signer"
	cp -a "$R/state.old" "$state"
	cp -a "$R/signer.old" "$signer"
}
has_role() { curl -fsS "$URL/metadata/$1" -o "$R/role.now" 2>/dev/null && cmp -s "$R/role.now" "$2"; }

stop_repod
cp -a "$state" "$R/state.old"
cp -a "$signer" "$R/signer.old"
old=$R/net.old
cp "$R/team/metadata/net.json" "$old"
old_version=$(jq .signed.version "$old")
bundle=$R/team/count2.bundle
quiet bpfseal bundle build --manifest "$SOURCE/bpf/count2.json" --object-dir "$BPFSEAL_BPF" --output "$bundle"
quiet bpfseal bundle add "$bundle" --dir "$R/team" --role net
quiet with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
new=$R/team/metadata/net.json
new_version=$(jq .signed.version "$new")
acknowledged=0

# ---- what is durable when ----
rm -f "$R/trace"
TRACE=$R/trace
begin_repod kill
TRACE=
: >"$R/trace"
check 'a publication that nothing strikes' publish
check 'all is durable before the new timestamp becomes visible' in_order "$paths" timestamp.json "$R/trace"
check '... and it takes its calls' [ "$(calls)" -gt 20 ]
sweep_begin
for line in $(grep -nE "^sync-file .*/(metadata|blobs|bpfseal-sign)/" "$R/trace" | cut -d: -f1); do
	POINTS=$((POINTS + 1))
	sed "${line}d" "$R/trace" >"$R/trace.less"
	in_order "$paths" timestamp.json "$R/trace.less" >/dev/null &&
		problem "without $(sed -n "${line}p" "$R/trace") nothing is said"
done
sweep_end 'a file that is not synced is noticed'
stop_repod

# ---- kills ----
judge() { # WHEN STATUS: after a restart; what the publisher was told is done stands in its steps
	has_role "$old_version.net.json" "$old" || problem "$1: an earlier commit is gone"
	[ "$2" != 0 ] || has_role "$new_version.net.json" "$new" || problem "$1: what was acknowledged is gone"
	jq -r '.steps[] | select(.kind == "blob") | .sha256' "$R/published" 2>/dev/null >"$R/acknowledged"
	while read -r digest; do
		curl -fsSI "$URL/api/v1/blobs/sha256/$digest" >/dev/null 2>&1 || problem "$1: the acknowledged upload $digest is gone"
	done <"$R/acknowledged"
	acknowledged=$((acknowledged + $(wc -l <"$R/acknowledged")))
}
sound() { "$repod" repod check --root "$R" >"$R/check.out" 2>&1 || problem "$1: $(head -3 "$R/check.out")"; }
sweep() { # SENTENCE HOW FIRST STRIDE
	sweep_begin
	n=$3 got=0
	while :; do
		restore
		begin_repod "$2" || { problem "the server does not start: $(tail -3 "$R/repod.log")"; return; }
		at=$(($(calls) + n))
		rearm "$at"
		got=0
		with_keys release-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key release-1)" --json >"$R/published" 2>/dev/null || got=$?
		[ "$(calls)" -ge "$at" ] || break
		POINTS=$((POINTS + 1))
		when="$2 at call $n"
		case $2 in
		kill*)
			await_end || problem "$when: the server lives on without a part of it"
			;;
		esac
		stop_repod
		sound "$when, before the restart"
		if begin_repod; then
			sound "$when, restarted"
			judge "$when" "$got"
			publish >"$R/again.out" 2>&1 || problem "$when: publishing again fails: $(grep error "$R/again.out")"
			has_role "$new_version.net.json" "$new" || problem "$when: publishing again did not publish"
			sound "$when, published again"
		else
			problem "$when: the server does not start again: $(tail -2 "$R/repod.log")"
		fi
		stop_repod
		n=$((n + ${STRIDE:-$4}))
	done
	[ "$got" = 0 ] || problem "a publication that was not struck ends with $got"
	stop_repod
	sweep_end "$1"
}
sweep 'the server is killed while it takes a publication: nothing acknowledged is lost, and it goes on' kill 1 11
sweep 'the server meets a full disk for good: the same' ENOSPC-on 4 37
sweep 'the server meets a disk that fails for good: the same' EIO-on 9 37
check 'uploads were acknowledged before the end came' [ "$acknowledged" -gt 0 ]
[ "$STRIDE" != 1 ] || sweep 'the server meets one failure: the same' EIO 1 1
done_testing
