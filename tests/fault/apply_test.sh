#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The loader when the power goes, its disk is full or its disk fails, at each instant of an apply and of a rollback: the
# old chain runs or the new one, whole; the next run ends where an undisturbed one does. (System calls of the kernel's side
# are struck by tests/kernel/kill_test.c.)
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/fault.sh"
kernel_world
world_wire
own=$R/var/lib/bpfseal-loader
tree=$R/sys/fs/bpf/bpfseal/eth0/xdp

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json" "$SOURCE/bpf/count2.json"
quiet pin
chain() { node status --json | jq -r '[.chains[].members[] | select(.state == "running") | "\(.name) \(.version)"] | join(" ")'; }
old='net/allow 1.0.0 net/ratelimit 1.0.0 net/count 1.0.0'
new='net/allow 1.0.0 net/ratelimit 1.0.0 net/count 2.0.0'
# The library goes into the loader alone, not into what brings it into the namespace.
loader() { # HOW COMMAND...
	how=$1
	shift
	nsenter --net="/run/netns/$NS" env LD_PRELOAD="$NTH" NTH_PAGE="$R/page" NTH_HOW="$how" "$BIN/bpfseal-loader" "$@" --root "$R"
}
is_whole() { # WHEN
	case $(chain) in
	"$old" | "$new") ;;
	*) problem "$1: what runs is $(chain)" ;;
	esac
	chain_runs_or_is_held || problem "$1: the chain is not whole: $(node status | tail -3)"
}
chain_runs_or_is_held() {
	node status --json | jq -e 'all(.chains[]; .link.attached) and
		all(.findings[]; .code == "drift_from_config" or .code == "rolled_back")' >/dev/null
}
is_tidy() { # WHEN: after a run that was not struck
	find "$own" -name '.*' -type f | grep . >>"$R/problems" && problem "$1: temporary files stay"
	[ "$(find "$tree" -maxdepth 1 -name 'gen-*' | wc -l)" = 1 ] || problem "$1: generations stay"
	[ "$(find "$tree" -maxdepth 1 -name 'root-*' | wc -l)" = 1 ] || problem "$1: roots stay"
	[ ! -e "$own/next.json" ] || problem "$1: a record stays half written"
}
# Each run from the same start: 1.0.0 runs, and 2.0.0 is what was there before and what is asked for next.
start() {
	write_node "$URL" 2.0.0
	node apply --resume >>"$R/quiet.log" 2>&1 || problem 'no way to the start'
	write_node "$URL" 1.0.0
	node apply >>"$R/quiet.log" 2>&1 || problem 'no way to the start'
	write_node "$URL" 2.0.0
}
sweep() { # SENTENCE HOW WORD
	sweep_begin
	n=1
	while :; do
		start
		page "$n"
		GOT=0
		loader "$2" "$3" >"$R/strike.out" 2>&1 || GOT=$?
		[ "$(calls)" -ge "$n" ] || break
		POINTS=$((POINTS + 1))
		is_whole "$2 at call $n"
		case $2 in
		kill*) [ "$GOT" = 137 ] || problem "$2 at call $n: exit status $GOT" ;;
		*) [ "$GOT" -lt 128 ] || problem "$2 at call $n: exit status $GOT" ;;
		esac
		# The timer comes by: what is asked for runs, or what was rolled back to is held, which is the same one here.
		node apply >"$R/again.out" 2>&1 || problem "$2 at call $n: the next run fails: $(head -2 "$R/again.out")"
		[ "$(chain)" = "$new" ] || problem "$2 at call $n: the next run ends elsewhere: $(chain)"
		is_tidy "$2 at call $n"
		n=$((n + ${STRIDE:-13}))
	done
	[ "$GOT" = 0 ] || problem "a run that was not struck ends with $GOT"
	sweep_end "$1"
}
# One after the other, so that the loader has copies of both.
for version in 1.0.0 2.0.0; do
	write_node "$URL" $version
	quiet bpfseal sync
	quiet node apply
done
for word in apply rollback; do
	sweep "$word is killed before a call" kill $word
	sweep "$word is killed after a call" kill-after $word
	sweep "$word on a disk that fails once" EIO $word
	sweep "$word on a disk that is full from then on" ENOSPC-on $word
done
done_testing
