#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The node's store when the power goes, the disk is full or the disk fails, at each instant of a pull (A64, A66, A67, A68);
# and when two clients are at it at once (A73).
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/fault.sh"
world_begin
store=$R/var/lib/bpfseal/store
fetch=$BIN/bpfseal-fetch
client=$BIN/tuf-client

write_use() { # FILE URL
	cat >"$R/etc/bpfseal/$1" <<NODE
{ "repositories": { "corp": { "url": "$2" } },
  "interfaces": { "eth0": { "xdp": [ { "use": "net/count", "version": "*" } ] } },
  "policy": { "programs": ["xdp"], "helpers": ["base"] } }
NODE
	chmod 644 "$R/etc/bpfseal/$1"
}
quiet world_team
quiet release "$SOURCE/bpf/count.json"
quiet pin
write_use node.json "$URL"
write_use gone.json http://127.0.0.1:9

# ---- what is looked at ----

set_digest() { # of what is current; "none" before there is one
	[ -L "$store/repo/corp/current" ] || { echo none; return; }
	(cd -P "$store/repo/corp/current" && sha256sum -- * | sha256sum | cut -c1-64)
}
# Everything that means something, with its bytes. Not the number of the set, nor the time of day.
tree() {
	(cd "$store" && find blobs repo/corp/roots repo/corp/trusted -type f ! -name clock -exec sha256sum {} + | sort -k2)
	echo "$(set_digest) current"
}
blobs() { [ ! -d "$store/blobs" ] || find "$store/blobs" -type f -name '[0-9a-f]*' -printf '%f\n' | sort; }
# Every blob is what its name says, and is signed; and what the current set names is all there.
is_whole() { # WHEN
	case $(set_digest) in
	none) [ "$start" = none ] || problem "$1: no set is current any more" ;;
	"$start") [ "$start" = none ] || blobs | comm -23 "$R/blobs.start" - | grep -q . && problem "$1: a blob of the old set is gone" ;;
	"$end") blobs | comm -23 "$R/blobs.end" - | grep -q . && problem "$1: a blob of the new set is missing" ;;
	*) problem "$1: current is neither the old nor the new set" ;;
	esac
	(cd "$store/blobs" 2>/dev/null && find . -name '[0-9a-f]*' -exec sha256sum {} + | awk '"./" $1 != $2') | grep . >>"$R/problems" &&
		problem "$1: a blob is not what its name says"
	blobs | comm -13 "$R/blobs.end" - | grep -q . && problem "$1: a blob that nobody signed"
	[ ! -d "$store/repo" ] ||
		find "$store/repo" -name '[!.]*.json' -type f -exec jq -e '.signed.version > 0' {} + >"$R/jq.out" 2>&1 ||
		problem "$1: metadata that does not parse: $(grep -v true "$R/jq.out")"
}
restore() { rm -rf "$store"; cp -a "$from" "$store"; }
# A run without a server changes nothing; a run with one ends where an undisturbed one does.
recovers() { # WHEN
	before=$(set_digest) got=0
	$fetch sync --config "$R/etc/bpfseal/gone.json" --root "$R" >"$R/gone.out" 2>&1 || got=$?
	[ $got = 6 ] || problem "$1: without a server the exit status is $got: $(head -2 "$R/gone.out")"
	[ "$before" = "$(set_digest)" ] || problem "$1: a run without a server changed the current set"
	$fetch sync --root "$R" >"$R/again.out" 2>&1 || problem "$1: the next run fails: $(grep error "$R/again.out")"
	tree >"$R/tree.now"
	cmp -s "$R/tree.end" "$R/tree.now" || problem "$1: the next run ends elsewhere: $(diff "$R/tree.end" "$R/tree.now" | grep '^[<>]')"
}
scene() { # DIR: where runs start from; and where an undisturbed one ends
	from=$1
	restore
	start=$(set_digest)
	blobs >"$R/blobs.start"
	quiet bpfseal sync
	end=$(set_digest)
	tree >"$R/tree.end"
	blobs >"$R/blobs.end"
}
sweep() { # SENTENCE HOW STATUSES FIRST STRIDE
	sweep_begin
	n=$4
	while :; do
		restore
		strike "$n" "$2" "$fetch" sync --root "$R"
		[ "$HIT" = 1 ] || break
		POINTS=$((POINTS + 1))
		when="$2 at call $n"
		case " $3 " in
		*" $GOT "*) ;;
		*) problem "$when: exit status $GOT: $(head -2 "$R/strike.out")" ;;
		esac
		is_whole "$when"
		recovers "$when"
		n=$((n + ${STRIDE:-$5}))
	done
	[ "$GOT" = 0 ] || problem "a run that was not struck ends with $GOT"
	sweep_end "$1"
}
each() { # WHO: the sweeps over one scene
	sweep "$1 is killed: old or new, and the next run ends as if nothing had been" kill 137 1 9
	[ "$STRIDE" != 1 ] || sweep "$1 is killed right after a call" kill-after 137 1 1
	sweep "$1 meets a full disk: refused, old or new, and the next run succeeds" ENOSPC-on 1 2 19
	sweep "$1 meets a disk that fails: the same" EIO-on 1 3 19
	# A single failure may hit what a run can do without, such as removing a file that is of no more use.
	sweep "$1 meets one failure: the same, or done" EIO '0 1' 4 23
	[ "$STRIDE" != 1 ] || sweep "$1 meets one moment without room" ENOSPC '0 1' 1 1
}

# ---- kills and failures ----
cp -a "$store" "$R/store.fresh"
scene "$R/store.fresh"
cp -a "$store" "$R/store.old"
each 'a fresh node'
quiet release "$SOURCE/bpf/count2.json"
scene "$R/store.old"
check 'a new version is waiting' [ "$start" != "$end" ]
each 'a node with a new version waiting'

# ---- what is durable when ----
restore
rm -f "$R/trace"
TRACE=$R/trace
strike 0 kill "$fetch" sync --root "$R"
TRACE=
check 'all is durable before the new set becomes visible' in_order "$store" current "$R/trace"
# The measure itself: a sync of a file left out is seen, wherever it was; and so is leaving out those of a directory.
sweep_begin
for line in $(grep -n '^sync-file' "$R/trace" | cut -d: -f1); do
	POINTS=$((POINTS + 1))
	sed "${line}d" "$R/trace" >"$R/trace.less"
	in_order "$store" current "$R/trace.less" >/dev/null && problem "without $(sed -n "${line}p" "$R/trace") nothing is said"
done
sweep_end 'a file that is not synced is noticed'
sweep_begin
for dir in $(sed -n 's/^sync-dir //p' "$R/trace" | sort -u); do
	POINTS=$((POINTS + 1))
	grep -v "^sync-dir $dir\$" "$R/trace" >"$R/trace.less"
	in_order "$store" current "$R/trace.less" >/dev/null && problem "without the syncs of $dir nothing is said"
done
sweep_end 'a directory that is not synced is noticed'

# ---- a disk that is really full ----
if is_root && restore && rm -rf "$store" && mkdir "$store" && mount -t tmpfs -o size=64k none "$store" 2>/dev/null; then
	umount "$store"
	trap 'umount "$store" 2>/dev/null; world_end' EXIT
	trap 'umount "$store" 2>/dev/null; world_end; exit 130' INT TERM HUP
	owner=$(stat -c 'uid=%u,gid=%g' "$from")
	used=$(du -s --block-size=4096 "$from" | cut -f1)
	sweep_begin
	more=0
	while :; do
		mount -t tmpfs -o "size=$(((used + more) * 4))k,mode=2750,$owner" none "$store"
		cp -a "$from/." "$store/" 2>/dev/null || { umount "$store"; more=$((more + 1)); continue; }
		got=0
		$fetch sync --root "$R" >"$R/strike.out" 2>&1 || got=$?
		[ $got = 0 ] && break
		POINTS=$((POINTS + 1))
		[ $got = 1 ] || problem "with $more pages: exit status $got: $(head -2 "$R/strike.out")"
		is_whole "with $more pages"
		mount -o remount,size=8m "$store"
		recovers "with $more pages, then with room"
		umount "$store"
		more=$((more + ${STRIDE:-3}))
	done
	umount "$store"
	sweep_end 'a full file system: refused, old or new, and with room the next run succeeds'
	mount -t tmpfs -o "size=8m,mode=2750,$owner" none "$store"
	cp -a "$from/." "$store/"
	mount -o remount,ro "$store"
	ends 'a store that may only be read is refused' 1 "$fetch" sync --root "$R"
	mount -o remount,rw "$store"
	sweep_begin
	POINTS=1
	is_whole 'read only'
	recovers 'read only'
	sweep_end '... and is as it was, and works when it may be written again'
	umount "$store"
	trap 'world_end; exit 130' INT TERM HUP
	trap 'world_end' EXIT
else
	ok 'a full file system # SKIP needs root and a tmpfs'
	ok 'a store that may only be read # SKIP needs root and a tmpfs'
fi

# ---- two at once ----
at_once() { # COMMAND...: eight of them; 0, or 1 and it is said why
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		"$@" >"$R/at-once.$i" 2>&1 &
		pids="$pids $!"
	done
	i=0 done=0
	for pid in $pids; do
		i=$((i + 1)) got=0
		wait "$pid" || got=$?
		[ $got = 0 ] && done=$((done + 1))
		[ $got = 0 ] || { [ $got = 1 ] && grep -q 'another run is at work' "$R/at-once.$i"; } ||
			problem "run $i ended with $got: $(head -2 "$R/at-once.$i")"
		POINTS=$((POINTS + 1))
	done
	[ $done -gt 0 ] || problem 'none of them got through'
}
for from in "$R/store.fresh" "$R/store.old"; do
	scene "$from"
	restore
	sweep_begin
	at_once "$fetch" sync --root "$R"
	tree | cmp -s "$R/tree.end" - || problem 'the store is not as after one'
	is_whole 'after eight at once'
	sweep_end "eight fetchers at once, from ${from##*.}: one after the other"
done

# ---- tuf-client ----
tuf=$R/tuf
tuf_begin() { rm -rf "$tuf"; mkdir -p "$tuf/metadata" "$tuf/targets"; $client --metadata-dir "$tuf/metadata" init "$R/team/metadata/root.json"; }
tuf_tree() { (cd "$tuf" && find . -type f ! -name .lock -exec sha256sum {} + | sort -k2); }
set -- "$client" --metadata-dir "$tuf/metadata" --metadata-url "$URL/metadata/" --target-name net/count/2.0.0.bundle \
	--target-dir "$tuf/targets" --target-base-url "$URL/targets/" download
tuf_begin
check 'a client of another kind pulls' "$@"
tuf_tree >"$R/tuf.end"
sweep_begin
n=1
while :; do
	tuf_begin
	strike "$n" kill "$@"
	[ "$HIT" = 1 ] || break
	POINTS=$((POINTS + 1))
	tuf_tree | grep -v '/\.tmp-' | while read -r line; do
		grep -qxF "$line" "$R/tuf.end" || problem "killed at call $n: unsigned bytes in $line"
	done
	"$@" >"$R/again.out" 2>&1 || problem "killed at call $n: the next run fails: $(head -2 "$R/again.out")"
	tuf_tree | grep -v '/\.tmp-' | cmp -s "$R/tuf.end" - || problem "killed at call $n: the next run ends elsewhere"
	n=$((n + ${STRIDE:-3}))
done
[ "$GOT" = 0 ] || problem "a run that was not struck ends with $GOT"
sweep_end 'it is killed: whole files only, and the next run ends as if nothing had been'
tuf_begin
sweep_begin
at_once "$@"
tuf_tree | cmp -s "$R/tuf.end" - || problem 'the directory is not as after one'
sweep_end 'eight of them at once on one directory'
done_testing
