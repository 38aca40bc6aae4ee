#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Somebody with all rights on the node takes the chains apart, one deed after the other, each in a process of his own. What
# the kernel refuses him is shown; of the rest the watch must tell within a second and make it whole within two.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/promise.sh"
kernel_world
promise_begin
ip -n "$NS" link set lo up

# x* have a chain on XDP, t* one on TC by TCX (by clsact where the kernel has none), c0 one by clsact. Each is attacked twice
# at most: the third time within a minute is a fight, and has its own test.
XDP='x0 x1 x2 x3 x4 x5'
for iface in $XDP t0 t1 t2 c0; do wire "$iface"; done
configure() { # WATCH [VALUE]: node.json with this section "watch"
	{
		echo '{ "repositories": { "corp": { "url": "'"$URL"'" } }, "policy": { "helpers": ["base"] }, "watch": '"$1"','
		echo '  "interfaces": {'
		for iface in $XDP; do
			echo '    "'"$iface"'": { "xdp": [ { "use": "net/allow", "version": "1.0.0",'
			echo '      "maps": { "allow_v4": [ { "key": "10.0.0.'"${2:-1}"'", "value": 1 } ] } },'
			echo '      { "use": "net/count", "version": "1.0.0" } ] },'
		done
		echo '    "n*": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] },'
		echo '    "t0": { "tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ] },'
		echo '    "t1": { "tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ] },'
		echo '    "t2": { "tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ] },'
		echo '    "c0": { "tc_attach": "clsact", "tc_ingress": [ { "use": "net/flow", "version": "1.0.0" } ] } } }'
	} >"$R/node.json"
	chmod 644 "$R/node.json"
	mv "$R/node.json" "$R/etc/bpfseal/node.json"
}
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/count.json" "$SOURCE/tests/e2e/flow.json"
quiet pin
configure '{}'
quiet bpfseal sync
check 'chains on ten interfaces' node apply

# ---- the watch, and what it says ----
in_node() { nsenter --net="/run/netns/$NS" "$@"; }
foe() { in_node "$PLAYERS/foe" "$@"; }
now() { foe now; }
place() { echo "$R/sys/fs/bpf/bpfseal/$1/${2:-xdp}"; }
watch_begin() {
	: >"$R/watch.json"
	nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --json --root "$R" >"$R/watch.json" 2>>"$R/watch.err" &
	WATCH=$!
	PIDS="$PIDS $WATCH"
	until_so grep -q '"watching"' "$R/watch.json" && return 0
	echo 'error: the watch does not begin' >&2
	cat "$R/watch.err" >&2
	return 1
}
watch_end() { kill -TERM $WATCH; wait $WATCH; }
# The time of the first event of a kind on an interface since a time; waits for it, a minute at most.
event() { # SINCE IFACE EVENT [CODE]
	for _ in $(seq 1200); do
		found=$(jq -r --arg i "$2" --arg e "$3" --arg c "${4:-}" --argjson t "$1" \
			'select(.time_ms >= $t and .interface == $i and .event == $e and ($c == "" or .code == $c)) | .time_ms' \
			"$R/watch.json" 2>/dev/null | head -1)
		[ -n "$found" ] && { echo "$found"; return 0; }
		sleep 0.05
	done
	echo "no $3 ${4:-} on $2 since $1:"
	tail -5 "$R/watch.json"
	return 1
}
field() { # SINCE IFACE CODE JQ: of the first finding with this code
	jq -r --arg i "$2" --arg c "$3" --argjson t "$1" \
		'select(.time_ms >= $t and .interface == $i and .event == "found" and .code == $c) | '"$4" "$R/watch.json" | head -1
}
has() { # SINCE IFACE CONDITION: some line says so; "" is any interface
	jq -se --arg i "$2" --argjson t "$1" "any(.[]; .time_ms >= \$t and (\$i == \"\" or .interface == \$i) and ($3))" "$R/watch.json" >/dev/null
}
hasnot() { ! has "$@"; }
# told IFACE CODE AT: within a second; mended IFACE AT: within two. AT is when the deed was done.
told() { t=$(event "$3" "$1" found "$2") || { echo "$t"; return 1; }; echo "# $2 on $1: told after $((t - $3)) ms" >&3; within 1000 "$3" "$t"; }
mended() { t=$(event "$2" "$1" mended) || { echo "$t"; return 1; }; echo "# $1: mended after $((t - $2)) ms" >&3; within 2000 "$2" "$t"; }
# The chain judges packets: five from an address that is not allowed are dropped by its first program, and counted there.
drops() { node map get net/allow allow_drops --interface "$1" --json | jq '[.entries[].value] | add // 0'; }
judges() {
	before=$(drops "$1")
	in_node "$PLAYERS/packets" send "wire-$1" --src 10.9.9.9 --count 5 >/dev/null
	after=$(drops "$1")
	[ "$after" = $((before + 5)) ] || { echo "drops of $1: $before, then $after"; return 1; }
}
flows() { node map get net/flow seen --interface "$1" --hook tc_ingress --json | jq '.entries[0].value'; }
counts() { # a TC chain sees packets
	before=$(flows "$1")
	in_node "$PLAYERS/packets" send "wire-$1" --src 10.0.0.1 --count 5 >/dev/null
	after=$(flows "$1")
	[ "$after" -ge $((before + 5)) ] || { echo "seen on $1: $before, then $after"; return 1; }
}
# deed SENTENCE IFACE CODE COMMAND...: done, told, mended, and the chain judges again.
deed() {
	sentence=$1 iface=$2 code=$3
	shift 3
	at=$("$@") || { not_ok "$sentence: $at"; return; }
	check "$sentence is told within a second" told "$iface" "$code" "$at"
	check '... and mended within two' mended "$iface" "$at"
	case $iface in x*) check '... and packets are judged again' judges "$iface" ;; *) check '... and packets are seen again' counts "$iface" ;; esac
}
watch_begin || exit 1
check 'a whole look with nothing to tell ends with 0' node watch --once
check 'the watch keeps quiet' [ "$(jq -r .event "$R/watch.json")" = watching ]
check 'without a grant there is no process that names programs' sh -c "! pgrep -P $WATCH"

# ---- what the kernel refuses ----
at=$(now)
in_node ip link set dev x0 xdp off >"$R/ip.out" 2>&1
check 'ip link set xdp off is refused' grep -qi 'replace active\|busy' "$R/ip.out"
check 'bpftool net detach is refused' sh -c "! nsenter --net=/run/netns/$NS bpftool net detach xdp dev x0 2>&1"
foe pin xdp foe "$R/sys/fs/bpf/foe" >/dev/null
check 'another program on the hook is refused' sh -c "! nsenter --net=/run/netns/$NS ip -force link set dev x0 xdp pinned $R/sys/fs/bpf/foe 2>&1"
check 'bpftool net attach overwrite is refused' sh -c "! nsenter --net=/run/netns/$NS bpftool net attach xdp pinned $R/sys/fs/bpf/foe dev x0 overwrite 2>&1"
check 'a second link is refused' sh -c "! nsenter --net=/run/netns/$NS $PLAYERS/foe link x0"
foe write "$(place x0)/gen-1/next-0" xdp >"$R/foe.out"
check 'a write to the array of a generation gets EPERM' grep -q 'not permitted' "$R/foe.out"
foe delete "$(place x0)/gen-1/next-0" >"$R/foe.out"
check '... and so does emptying it' grep -q 'not permitted' "$R/foe.out"
rm "$R/sys/fs/bpf/foe"
sleep 1
check '... and the watch has nothing to tell' hasnot "$at" x0 true
check '... as the chain judges as before' judges x0

# ---- what root can do all the same ----
deed 'a link detached by force' x0 link_detached foe detach "$(place x0)/link"
deed 'another program under our link' x1 link_replaced foe update "$(place x1)/link" xdp
deed 'another program in the slot of the root' x1 root_slot_changed foe write "$(place x1)/root-1/array" xdp
deed 'an emptied slot of the root' x2 root_slot_changed foe delete "$(place x2)/root-1/array"

ids() { node status --json | jq -c --arg i "$1" '[.chains[] | select(.interface == $i) | .members[].program_id, .generation]'; }
programs=$(ids x3)
dropped=$(drops x3)
# One by one: what the watch puts back meanwhile may stay.
remove_pins() { now && { rm -r "$(place "$1")"/* 2>/dev/null || true; }; }
at=$(now)
deed 'all pins deleted' x3 pin_missing remove_pins x3
check '... with the same programs and generation' [ "$(ids x3)" = "$programs" ]
check '... and the counters they had' [ "$(drops x3)" -ge $((dropped + 5)) ]
# In one step: a pin that is only gone may be back before the next command.
foe pin xdp foe "$R/sys/fs/bpf/foe" >/dev/null
chown bpfseal-loader: "$R/sys/fs/bpf/foe"
replace_pin() { now && mv "$R/sys/fs/bpf/foe" "$1"; }
deed 'a program pinned over a member' x3 pin_missing replace_pin "$(place x3)/gen-1/prog-0"
remove_map() { now && rm "$1"; }
deed 'the pin of a map deleted' x2 pin_missing remove_map "$(place x2)/gen-1/maps/corp:net:allow/allow_drops"

# ---- TC ----
# A chain on clsact is found and mended as one on TCX is; what is TCX's own is skipped where the kernel, before 6.6, has none.
case $(foe before lo tc_ingress probe) in 'attach: Invalid argument') TCX= ;; *) TCX=yes ;; esac
filter_of() { # IFACE PREF NAME: who comes last is first in his place
	foe pin tc "$3" "$R/sys/fs/bpf/$3" >/dev/null && now &&
		in_node tc filter add dev "$1" ingress pref "$2" bpf da object-pinned "$R/sys/fs/bpf/$3"
}
stranger() { # before|after NAME: somebody on t0
	if [ -n "$TCX" ]; then
		foe "$1" t0 tc_ingress "$2"
	elif [ "$1" = before ]; then
		filter_of t0 1 "$2"
	else
		filter_of t0 7 "$2"
	fi
}
tcx_deeds() {
	deed 'a TCX program before ours' t0 foreign_before foe before t0 tc_ingress evil
	check '... with its id' [ "$(field "$at" t0 foreign_before .program.id)" -gt 0 ]
	check '... and nothing but the id' [ "$(field "$at" t0 foreign_before '.program | length')" = 1 ]
	check '... and it stays, after ours' [ "$(node status --json | jq -r '[.findings[] | select(.interface == "t0") | .code] | join(" ")')" = foreign_after ]
	nsenter --net="/run/netns/$NS" "$PLAYERS/foe" lead t0 tc_ingress evil >"$R/lead.out" &
	PIDS="$PIDS $!"
	wait_line "$R/lead.out"
	lead() { cat "$R/lead.out"; }
	deed 'a TCX link before ours' t0 foreign_before lead
	deed 'another program under our TCX link' t2 link_replaced foe update "$(place t2 tc_ingress)/link" tc
	at=$(foe after t1 tc_ingress later)
	check 'a TCX program after ours is told within a second' told t1 foreign_after "$at"
	check '... as a note' [ "$(field "$at" t1 foreign_after .note)" = true ]
}
if [ -n "$TCX" ]; then
	tcx_deeds
else
	ok 'what others do on TCX # SKIP this kernel has no TCX'
	at=$(stranger before evil)
	check 'a clsact filter before ours is told within a second' told t0 foreign_before "$at"
	check '... with its id' [ "$(field "$at" t0 foreign_before .program.id)" -gt 0 ]
	sleep 1
	check '... and is not pushed aside' hasnot "$at" t0 '.event == "mended" or .event == "evicted"'
	both_del() { now && in_node tc filter del dev t0 ingress pref 1; }
	deed '... and both deleted' t0 link_detached both_del
fi
foe pin tc filters "$R/sys/fs/bpf/filter" >/dev/null
filter_add() { { [ -z "$TCX" ] || in_node tc qdisc add dev t1 clsact; } && now && in_node tc filter add dev t1 ingress bpf da object-pinned "$R/sys/fs/bpf/filter"; }
at=$(filter_add)
check 'a clsact filter after ours is told within a second' told t1 foreign_after "$at"
check '... with its kind' has "$at" t1 '.text | test("clsact bpf filter")'
sleep 1
check '... and neither is a reason to touch our own' hasnot "$at" t1 '.event == "mended"'
filter_del() { now && in_node tc filter del dev c0 ingress; }
deed 'our clsact filter deleted' c0 link_detached filter_del
qdisc_del() { now && in_node tc qdisc del dev c0 clsact; }
deed 'our clsact qdisc deleted' c0 link_detached qdisc_del

# ---- interfaces ----
gone() { now && in_node ip link del x4; }
at=$(gone)
check 'an interface that vanishes is told within a second' told x4 interface_missing "$at"
at=$(now)
wire x4
check '... and has its chain within two after it returns' mended x4 "$at"
check '... which judges' judges x4

at=$(now)
wire n1
check 'one that is new, and that a pattern names, gets its chain within two' mended n1 "$at"
quiet node status
check '... and it runs' [ "$(node status --json | jq -r '.chains[] | select(.interface == "n1") | .members[].state')" = running ]
configure '{}' 99
sleep 1
wire n2
sleep 1
check '... but not while node.json says something that was not applied' hasnot 0 n2 '.event == "mended"'
configure '{}'
in_node ip link del n2

# ---- nobody may be evicted whom the config does not name ----
foe pin xdp squatter "$R/sys/fs/bpf/squatter" >/dev/null
# As fast as can be: the watch sees the hook when it is taken already.
squat() { # takes the hook between the detach and the repair
	for _ in $(seq 20); do
		t=$(foe detach "$(place x5)/link")
		in_node ip link set dev x5 xdp pinned "$R/sys/fs/bpf/squatter" 2>/dev/null && { echo "$t"; return 0; }
	done
	return 1
}
at=$(squat)
check 'a program in our place is told within a second' told x5 link_detached "$at"
squatter=$(bpftool -j prog show pinned "$R/sys/fs/bpf/squatter" | jq .id)
# A look may fall between the detach and the squatter: then it found nobody, and who is there is named when the repair fails.
case $(field "$at" x5 link_detached '.program.id') in
"$squatter" | null) ok '... with its id, if it was there by then' ;;
*) not_ok '... with its id, if it was there by then' ;;
esac
check '... and is not pushed aside' event "$at" x5 failed
check '... but named' has "$at" x5 ".event == \"failed\" and (.text | test(\"id $squatter\"))"
in_node ip link set dev x5 xdp off
check '... and when it goes, the chain is back' event "$at" x5 mended

# ---- many that come, names that are exchanged ----
configure '{}'
quiet node apply
at=$(now)
for i in $(seq 10 49); do
	echo "link add n$i type veth peer name wire-n$i"
	echo "link set n$i up"
	echo "link set wire-n$i up"
done | in_node ip -batch -
forty() { [ "$(jq -s --argjson t "$at" '[.[] | select(.time_ms >= $t and .event == "mended" and (.interface | test("^n[0-9]{2}$")))] | length' "$R/watch.json")" = 40 ]; }
until_so forty
echo "# 40 interfaces: $(($(now) - at)) ms"
check 'forty that come at once all get their chains' forty
check '... and nothing is left to do' node status --check
exchange() { # A B: their names
	in_node ip link set "$1" down
	in_node ip link set "$1" name n-one
	in_node ip link set "$2" down
	in_node ip link set "$2" name "$1"
	in_node ip link set n-one name "$2"
	in_node ip link set "$1" up
	in_node ip link set "$2" up
}
exchange n10 n11
sleep 1
check 'after two have exchanged their names an apply takes their chains along' node apply
at=$(now)
sleep 2
check '... the watch lets it be' hasnot "$at" '' '.event == "failed" or .event == "mended" or .event == "alarm"'
check '... and all is well' node status --check
tree=$R/sys/fs/bpf/bpfseal
at=$(now)
mv "$tree/n12" "$tree/x" && mv "$tree/n13" "$tree/n12" && mv "$tree/x" "$tree/n13"
exchanged() { has "$at" '' '.interface == "n12" or .interface == "n13"' && node status --check; }
until_so exchanged
echo "# whole again after $(($(now) - at)) ms"
check 'directories that somebody has exchanged are told' has "$at" '' '.event == "found" and (.interface == "n12" or .interface == "n13")'
check '... and each interface has its chain again' node status --check
check '... attached by its own link' [ "$(node status --json | jq '[.chains[] | select((.interface == "n12" or .interface == "n13") and .link.attached)] | length')" = 2 ]
for i in $(seq 10 49); do echo "link del n$i"; done | in_node ip -batch -
quiet node apply

# ---- a fight ----
fight() {
	if [ -n "$TCX" ]; then
		foe detach "$(place t1 tc_ingress)/link"
	else
		now && in_node tc filter del dev t1 ingress pref 1
	fi
}
for round in 1 2 3; do
	at=$(fight)
	check "round $round is told within a second" told t1 link_detached "$at"
	check '... and mended within two' mended t1 "$at"
done
check 'the third raises the alarm' event "$at" t1 alarm
alarm=$(event "$at" t1 alarm) || alarm=$at
check '... in the audit log too' grep -q '"event":"alarm"' "$R/var/lib/bpfseal-loader/audit.log"
check '... and on stderr' grep -q 'alarm: tc_ingress on t1' "$R/watch.err"
at=$(fight)
check 'the fourth is told within a second as well' told t1 link_detached "$at"
check '... and waits' hasnot "$at" t1 '.event == "mended"'
t=$(event "$at" t1 mended) || t=0
# Since then: what this test does between the alarm and the fourth takes as long as the machine likes.
check '... for ten seconds after the alarm' [ $((t - alarm)) -ge 9000 ]
check '... and not much longer' within 12000 "$at" "$t"

# ---- a second one ----
ends_second() { timeout 60 nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --root "$R" >"$R/second.out" 2>&1; [ $? = 1 ]; }
check 'a second watch is refused' ends_second
check '... and told why' grep -q "another 'bpfseal watch' mends the chains of this node already" "$R/second.out"
check '... but a look is not' node watch --once
at=$(now)
exec 8>>"$R/var/lib/bpfseal-loader/lock"
flock 8
foe detach "$(place x4)/link" >/dev/null
sleep 0.2
flock -u 8
node apply >"$R/apply.out" 2>&1
sleep 2
check 'what an apply has attached again the watch does not undo' node status --check
check '... nor fails to mend it' hasnot "$at" x4 '.event == "failed"'

# ---- what it cannot read ----
watch_end
state=$R/var/lib/bpfseal-loader
cp -p "$state/active.json" "$state/kept"
echo '{' >"$state/active.json"
check 'a single look at a damaged record is a refusal, and no waiting' sh -c "timeout 60 nsenter --net=/run/netns/$NS $BIN/bpfseal-loader watch --once --root $R >$R/once.out 2>&1; [ \$? = 3 ]"
check '... that says what mends it' grep -q "fix: remove it from /var/lib/bpfseal-loader: 'bpfseal apply' takes over what runs" "$R/once.out"
nsenter --net="/run/netns/$NS" "$BIN/bpfseal-loader" watch --json --root "$R" >"$R/blind.json" 2>/dev/null &
BLIND=$!
PIDS="$PIDS $BLIND"
until_so grep -q '"trouble"' "$R/blind.json"
check 'a watch that begins with one tells so' grep -q 'the record of what was applied (active.json) is damaged' "$R/blind.json"
kill -TERM $BLIND
check '... and ends when it is told to' until_so is_over $BLIND
mv "$state/kept" "$state/active.json"
watch_begin || exit 1

# ---- others at work ----
at=$(now)
sleep 1
for i in 2 3 4 5 6 7; do
	configure '{}' $i
	node apply >"$R/apply.out" 2>&1 || { cat "$R/apply.out"; break; }
done
check 'an apply never fails for the watch' [ "$i" = 7 ]
sleep 1
check '... and is not taken for an attack' hasnot "$at" '' '.event == "found" and .code != "drift_from_config"'
exec 8>>"$R/var/lib/bpfseal-loader/lock"
flock 8
at=$(foe detach "$(place x4)/link")
check 'behind a lock that somebody keeps it is still told' event "$at" x4 found link_detached
check '... and not mended' hasnot "$at" x4 '.event == "mended"'
flock -u 8
check '... until the lock is free' event "$at" x4 mended
flock 8
late() { node apply >"$R/late.out" 2>&1 8>&-; echo $? >"$R/late.rc"; }
late &
LATE=$!
sleep 2
date -u +%FT%TZ >"$R/var/lib/bpfseal-loader/trust/corp/clock"
flock -u 8
wait $LATE
check 'an apply that waited does not go by the time at which it began' sh -c "cat $R/late.out; [ \$(cat $R/late.rc) = 0 ]"
at=$(now)
configure '{}' 9
check 'a changed node.json is told' event "$at" x0 found drift_from_config
sleep 2
check '... once' [ "$(jq -r --argjson t "$at" 'select(.time_ms >= $t and .interface == "x0" and .code == "drift_from_config") | .event' "$R/watch.json")" = found ]
check '... and not applied' sh -c "[ \"\$(jq -r '.chains[] | select(.interface == \"x0\") | .members[0].maps.allow_v4[0].key' $R/var/lib/bpfseal-loader/active.json)\" = 10.0.0.7 ]"
ends 'a look that finds something ends with 8' 8 node watch --once
quiet node apply

# ---- all at once ----
at=$(now)
for iface in $XDP; do foe detach "$(place $iface)/link" >/dev/null; done
all() { for iface in x0 x1 x2 x3; do mended "$iface" "$at" || return 1; done; }
check 'six links detached at once are mended within two seconds' all
ends 'SIGTERM ends the watch with 0' 0 watch_end

# ---- names ----
configure '{ "name_foreign": true, "evict": ["unwanted"] }' 9
quiet node apply
watch_begin || exit 1
namer=$(pgrep -P $WATCH)
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
check 'with the grant one process holds CAP_SYS_ADMIN alone' [ "$(status "$namer" CapEff)$(status "$namer" CapPrm)$(status "$namer" CapBnd)" = 000000000020000000000000002000000000000000000000 ]
check '... as the user of the loader' [ "$(status "$namer" Uid | cut -f1)" = "$(id -u bpfseal-loader)" ]
check '... under its filter, without new privileges' [ "$(status "$namer" Seccomp)$(status "$namer" NoNewPrivs)" = 21 ]
check '... with one socket and no file' [ "$(ls -l "/proc/$namer/fd" | grep -c ' -> ')" = "$(ls -l "/proc/$namer/fd" | grep -c 'socket:')" ]
check '... and the watch itself has not got it' [ "$(status $WATCH CapEff)" = 000000c000001000 ]
kill -STOP "$namer"
at=$(stranger after silence)
check 'while it does not answer what is found is told without a name' event "$at" t0 found foreign_after
check '... within a second all the same' told t0 foreign_after "$at"
sleep 1
kill -CONT "$namer"
sleep 0.5
at=$(foe update "$(place x4)/link" xdp)
check 'who stands there is told with name, tag, owner and time' event "$at" x4 found link_replaced
check '... as the kernel has them' [ "$(field "$at" x4 link_replaced '[.program.name, (.program.tag | length), .program.uid, (.program.loaded_at | length)] | join(" ")')" = 'foe 16 0 20' ]
at=$(stranger after kept)
check 'a program that is not in the list' event "$at" t0 found foreign_after
at=$(stranger before unwanted)
evicted() { t=$(event "$1" t0 evicted) || { echo "$t"; return 1; }; within 2000 "$1" "$t"; }
check '... stays; one that is goes within two seconds' evicted "$at"
check '... and only it' sh -c "nsenter --net=/run/netns/$NS $BIN/bpfseal-loader status --json --root $R | jq -e '[.findings[] | select(.interface == \"t0\" and .code == \"foreign_before\")] == []' >/dev/null"
foe pin xdp unwanted "$R/sys/fs/bpf/unwanted" >/dev/null
kill -STOP $WATCH
at=$(foe detach "$(place x2)/link")
in_node ip link set dev x2 xdp pinned "$R/sys/fs/bpf/unwanted"
kill -CONT $WATCH
check 'one that took an XDP hook goes' event "$at" x2 evicted
check '... and the chain is back' event "$at" x2 mended
check '... and judges' judges x2
check 'status names them too' sh -c "nsenter --net=/run/netns/$NS $BIN/bpfseal-loader status --json --root $R | jq -e '[.findings[] | select(.interface == \"t0\") | .program.name] | index(\"kept\")' >/dev/null"
check 'status says so' sh -c "nsenter --net=/run/netns/$NS $BIN/bpfseal-loader status --root $R | grep -q 'name \"kept\", tag [0-9a-f]*, loaded by uid 0 at '"
wire y0
in_node ip link set dev y0 xdp pinned "$R/sys/fs/bpf/squatter"
sed 's|"t0": {|"y0": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] }, "t0": {|' "$R/etc/bpfseal/node.json" >"$R/node.json"
cp "$R/etc/bpfseal/node.json" "$R/node.kept"
cat "$R/node.json" >"$R/etc/bpfseal/node.json"
ends 'an apply onto a hook that is taken is refused' 7 node apply
check '... with name, tag, owner and time of who holds it' said 'xdp on y0 is held by another program (program [0-9]*: name "squatter", tag [0-9a-f]*, loaded by uid 0 at '
cat "$R/node.kept" >"$R/etc/bpfseal/node.json"
in_node ip link del y0
kill -KILL "$namer"
at=$(foe update "$(place x3)/link" xdp)
check 'without its namer the watch goes on' event "$at" x3 mended
ends 'and ends with 0' 0 watch_end

# ---- nobody held the arrays (A86) ----
rm "$(place x0)"/gen-*/next-0
sleep 0.3
in_node "$PLAYERS/packets" send wire-x0 --src 10.0.0.9 --count 5 >/dev/null
at=$(now)
watch_begin || exit 1
check 'what was done while nobody watched is told within a second' told x0 slot_changed "$at"
check '... with the packets that fell through' event "$at" x0 found fell_through
check '... and mended within two' mended x0 "$at"
check '... from our own copies' has "$at" x0 '.event == "mended" and (.text | test("own copies"))'
check '... and packets are judged again' judges x0
kill -KILL $WATCH
check 'the audit log is whole' node status
promise_end
done_testing
