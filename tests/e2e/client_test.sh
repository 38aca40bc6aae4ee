#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The client as a program: its command line, what stands on disk afterwards, and servers that do not behave. The verdicts
# are tested in tests/attack; here it is what only a process shows: bytes taken from the network, memory, other processes.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
world_begin
BENCH=$PLAYERS/bench
start_serve() { # sets SERVE
	: >"$R/serve.address"
	"$BENCH/serve" "$1" >"$R/serve.address" &
	PIDS="$PIDS $!"
	wait_line "$R/serve.address"
	SERVE=http://$(cat "$R/serve.address")
}
quiet "$BENCH/repository" "$R/served" 200 16
start_serve "$R/served"
target=net/real/1.0.0.bundle
real=$(echo "$R"/served/targets/net/real/*.1.0.0.bundle)

fresh() { # NAME
	rm -rf "$R/$1"
	mkdir -p "$R/$1/metadata" "$R/$1/got"
	"$BIN/tuf-client" --metadata-dir "$R/$1/metadata" init "$R/served/metadata/1.root.json"
}
client() { # NAME refresh | download [TARGET...]
	name=$1 command=$2
	shift 2
	names=
	for one in "$@"; do names="$names --target-name $one"; done
	# shellcheck disable=SC2086
	"$BIN/tuf-client" --metadata-url "${FROM:-$SERVE}/metadata/" --metadata-dir "$R/$name/metadata" $names \
		--target-dir "$R/$name/got" --target-base-url "${FROM:-$SERVE}/targets/" "$command"
}
got() { find "$R/$1/got" -type f; }

# ---- what it leaves on disk ----
check 'it begins with a root' fresh a
check 'it refreshes' client a refresh
names() { (cd "$R/a/metadata" && ls ./*.json | tr -d '\n'); }
check 'one file for each role' [ "$(names)" = ./root.json./snapshot.json./targets.json./timestamp.json ]
same() { for role in root snapshot targets; do cmp "$R/served/metadata/1.$role.json" "$R/a/metadata/$role.json" || return 1; done; }
check 'byte for byte as it was served' same
check 'it downloads' client a download "$target"
check '... what was signed' cmp "$real" "$(got a)"
check '... with the one bin that leads to it' [ "$(ls "$R/a/metadata" | grep -c '^bin-')" = 1 ]
mv "$real" "$R/away"
check 'what is there is not asked for again' client a download "$target"
ends 'what is neither there nor served is refused' 1 client a download "$target" net/p000001/1.0.0.bundle
check '... and what was there stays' cmp "$R/away" "$(got a)"
fresh b
head -c 1048575 "$R/away" >"$real"
ends 'a shorter file is refused' 1 client b download "$target"
check '... and nothing of it is left' [ -z "$(got b)" ]
{ cat "$R/away" && echo; } >"$real"
ends 'a longer one too' 1 client b download "$target"
{ head -c 1048575 "$R/away" && printf X; } >"$real"
ends 'and one with another last byte' 1 client b download "$target"
check '... and nothing of them is left' [ -z "$(got b)" ]
cp "$R/away" "$real"
check 'then the good one is taken' client b download "$target"
ends 'any failure is status 1' 1 "$BIN/tuf-client" --no-such-option
ends '... without a root as well' 1 "$BIN/tuf-client" --metadata-dir "$R/empty" --metadata-url "$SERVE/metadata/" refresh

# ---- servers that do not behave ----
# What it took from the network, by its own system calls.
taken() { # NAME MODE
	start_mirror "$R/served" "$2"
	FROM=$MIRROR strace -f -o "$R/trace" -e trace=recvfrom,recvmsg,read \
		sh -c 'exec "$@"' sh "$BIN/tuf-client" --metadata-url "$MIRROR/metadata/" --metadata-dir "$R/$1/metadata" refresh \
		>"$R/tap.out" 2>&1
	STATUS=$?
	TAKEN=$(sed -nE '/ recvfrom\(| recvmsg\(/s/.*= ([0-9]+)$/\1/p' "$R/trace" | awk '{ n += $1 } END { print n + 0 }')
}
peak_kib() { # NAME URL: of a refresh, whatever becomes of it
	"$BENCH/measure" 3 60 '' sh -c '"$@" 2>/dev/null; true' sh "$BIN/tuf-client" --metadata-url "$2/metadata/" \
		--metadata-dir "$R/$1/metadata" refresh | cut -d' ' -f3
}
tree() { (cd "$R/$1" && find . -type f ! -name .lock -exec sha256sum {} + | sort -k2); }
tree a >"$R/tree.a"
taken a endless
check 'a body without end is refused' [ "$STATUS" = 1 ]
check '... for its size' said 'larger than the 512000 bytes allowed'
check 'not before the cap of a root' [ "$TAKEN" -gt 512000 ]
check '... and at most 64 KiB behind it' [ "$TAKEN" -le $((512000 + 65536)) ]
plain=$(peak_kib a "$SERVE")
flood=$(peak_kib a "$MIRROR")
check 'it takes no memory beyond the capped file, twice' [ "$flood" -le $((plain + 2 * 512 + 512)) ]
taken a redirect
check 'a redirect is refused' [ "$STATUS" = 1 ]
check '... after one request' [ "$(grep -c 302 "$R/trace")" -le 1 ]
unchanged() { tree a | cmp "$R/tree.a" -; }
check 'nothing of all that changed what is kept' unchanged
check 'and a good server is taken up again' client a refresh

# ---- several at once ----
many() {
	pids=
	for _ in 1 2 3 4 5 6; do
		client c download "$target" >"$R/many.out" 2>&1 &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid" || return 1; done
}
fresh c
check 'six clients at once on one directory all succeed' many
check '... and leave what one would have left' sh -c "diff -r '$R/b/metadata' '$R/c/metadata' && diff -r '$R/b/got' '$R/c/got'"

# ---- a repository that is withheld (A23) ----
quiet world_team
quiet release "$SOURCE/bpf/count.json"
quiet pin
cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { "eth0": { "xdp": [ { "use": "net/count", "version": "1.0.0" } ] } },
  "policy": { "programs": ["xdp"], "helpers": ["base"] } }
NODE
chmod 644 "$R/etc/bpfseal/node.json"
age() { bpfseal sync --json 2>/dev/null | jq '.repositories[0].age_s'; }
check 'a node syncs' bpfseal sync
check '... just now' [ "$(age)" -le 600 ]
kill "$REPOD"
wait "$REPOD" 2>/dev/null
ends 'when the repository has gone' 6 bpfseal sync
check '... it is not warned of at once' sh -c "! grep -q '^warning' '$R/tap.out'"
clock=$R/var/lib/bpfseal/store/repo/corp/trusted/clock
date -u -d '30 hours ago' +%Y-%m-%dT%H:%M:%SZ >"$R/clock"
cat "$R/clock" >"$clock"
ends 'when it has been gone for 30 hours' 6 bpfseal sync
check '... that is said' said 'warning: corp was last refreshed 30 hours ago'
check '... and in the document' [ "$(age)" -ge 108000 ]
done_testing
