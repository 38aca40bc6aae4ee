#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the running processes are and may do, read from /proc by somebody else.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
write_node "$URL" 1.0.0

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
# is PID USER CAPS: that user in all four ids, exactly these capabilities and no way to others, seccomp filter on.
is() {
	uid=$(id -u "$2")
	[ "$(field "$1" Uid)" = "$uid	$uid	$uid	$uid" ] || { echo "Uid: $(field "$1" Uid)"; return 1; }
	for set in CapInh CapBnd CapAmb; do
		[ "$(field "$1" $set)" = 0000000000000000 ] || { echo "$set: $(field "$1" $set)"; return 1; }
	done
	for set in CapPrm CapEff; do
		[ "$(field "$1" $set)" = "$3" ] || { echo "$set: $(field "$1" $set)"; return 1; }
	done
	[ "$(field "$1" NoNewPrivs)" = 1 ] || { echo 'no_new_privs is not set'; return 1; }
	[ "$(field "$1" Seccomp)" = 2 ] || { echo "Seccomp: $(field "$1" Seccomp)"; return 1; }
}
none=0000000000000000
three=000000c000001000 # CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF

check 'the server is its own user without a capability' is "$REPOD" bpfseal-repod $none
signer=
for pid in $(pgrep -P "$REPOD"); do
	[ "$(ps -o user:32= -p "$pid" | tr -d ' ')" = bpfseal-sign ] && signer=$pid
done
check 'the signer is another user without a capability' is "${signer:-0}" bpfseal-sign $none
# The key is the signer's alone.
check 'the server cannot read the online key' sh -c "! setpriv --reuid=bpfseal-repod --regid=bpfseal-repod --clear-groups cat $R/var/lib/bpfseal-sign/online.key"
check 'the signer holds one socket, the one to the server' [ "$(ls -l "/proc/${signer:-0}/fd" | grep -c socket:)" = 1 ]

"$BIN/bpfseal" sync --every 60s --root "$R" >"$R/sync.log" 2>&1 &
fetch=$!
PIDS="$PIDS $fetch"
until_so [ -e "$R/var/lib/bpfseal/store/repo/corp/current" ]
check 'the fetcher is its own user without a capability' is $fetch bpfseal-fetch $none
kill $fetch

# The loader is over in milliseconds: hold its lock, and it stands there to be looked at.
exec 8>>"$R/var/lib/bpfseal-loader/lock"
chown bpfseal-loader:bpfseal-loader "$R/var/lib/bpfseal-loader/lock"
flock 8
nsenter --net="/run/netns/$NS" "$BIN/bpfseal" apply --root "$R" >"$R/apply.log" 2>&1 8>&- &
loader=$!
PIDS="$PIDS $loader"
is_shut_in() { [ "$(field $loader Seccomp)" = 2 ]; }
until_so is_shut_in
check 'the loader is its own user with three capabilities' is $loader bpfseal-loader $three
check 'the loader has no network socket' sh -c "! ls -l /proc/$loader/fd 2>/dev/null | grep -q 'socket:'"
flock -u 8
check 'and then it applies the chain' wait $loader
check 'three users, three processes' [ "$(printf '%s\n' "$(id -u bpfseal-repod)" "$(id -u bpfseal-fetch)" "$(id -u bpfseal-loader)" | sort -u | wc -l)" = 3 ]
check 'the store can be read by the loader and by nobody else' sh -c "
	setpriv --reuid=bpfseal-loader --regid=bpfseal-loader --init-groups ls $R/var/lib/bpfseal/store/blobs &&
	! setpriv --reuid=nobody --regid=nogroup --clear-groups ls $R/var/lib/bpfseal/store/blobs &&
	! setpriv --reuid=bpfseal-loader --regid=bpfseal-loader --init-groups touch $R/var/lib/bpfseal/store/blobs/x"
check 'the chain is pinned where only the loader may reach' [ "$(stat -c '%a %U' "$R/sys/fs/bpf/bpfseal")" = '700 bpfseal-loader' ]
done_testing
