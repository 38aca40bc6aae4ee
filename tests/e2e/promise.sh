# SPDX-License-Identifier: Apache-2.0
# What is promised within seconds, and a control beside it. Sourced after tap.sh.
#
# What is promised must happen, on any machine: that is waited for, for a minute. How soon is judged where the machine kept up
# meanwhile: `pulse` does a little of the same work all the time and says when it had to wait. Where it had to, the time is
# told and not judged; the minute stands. Sanitizers look at every byte: with them a promise has half as much time again.
promise_begin() {
	"$PLAYERS/pulse" "$R/pulse.file" >"$R/pulse" &
	PIDS="$PIDS $!"
	: >"$R/unjudged"
}
# What the machine took from the control between two times.
lost() { # FROM TO
	awk -v from="$1" -v to="$2" '$2 >= from && $1 <= to { n += $3 } END { print n + 0 }' "$R/pulse"
}
PROMISE_LOST_MAX=25
case $BPFSEAL_OUT in *asan*) PROMISE_PERCENT=150 ;; *) PROMISE_PERCENT=100 ;; esac
within() { # MS FROM TO
	took=$(($3 - $2))
	[ "$took" -gt $(($1 * PROMISE_PERCENT / 100)) ] || return 0
	# A beat is told when it is over, and one that hangs on a disk may take its time.
	sleep 5
	missed=$(lost "$2" "$3")
	echo "it took $took ms; the machine kept the control waiting for $missed ms of them"
	[ "$missed" -gt $PROMISE_LOST_MAX ] || return 1
	echo "# not judged: $took ms, not $1, while the machine kept the control waiting for $missed ms" | tee -a "$R/unjudged" >&3
}
promise_end() {
	echo "# $(wc -l <"$R/unjudged") promises were not judged: the machine did not keep up"
}
exec 3>&1
