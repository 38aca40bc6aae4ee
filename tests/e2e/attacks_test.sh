#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A node under attack from its own store, its server, its mirror and its disk: what is refused, with which exit status,
# and that the chain keeps running all the while.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire
store=$R/var/lib/bpfseal/store

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
quiet pin
write_node "$URL" '*'
quiet bpfseal sync
runs() {
	before=$(counter net/count counts 17 packets)
	packets send wire0 --src 10.0.0.1 --count 10 >/dev/null
	chain_runs && [ "$(counter net/count counts 17 packets)" = $((before + 10)) ]
}
# The kernel's objects under our names, to be compared before and after a refusal.
objects() { find "$R/sys/fs/bpf/bpfseal" | sort; node status --json | jq -cS '[.. | .program_id? // empty]'; }
untouched() { # SENTENCE STATUS COMMAND...: refused so, and the kernel holds what it held, and packets flow
	objects >"$R/objects.before"
	ends "$@"
	objects >"$R/objects.after"
	check "... and the chain is untouched" sh -c "cmp $R/objects.before $R/objects.after"
	check '... and runs' runs
}

check 'a signed chain is applied' node apply
check 'and counts packets' runs
cp -a "$store" "$R/store.old"
quiet release "$SOURCE/bpf/count2.json"
quiet bpfseal sync
# Before the second version is admitted: everything about it in the store is the attacker's to change.
set=$(readlink -f "$store/repo/corp/current")
cp -a "$store" "$R/store.new"
put_store() { rm -rf "$store"; cp -a "$1" "$store"; }
sed -i 's/1\.0\.0/1.0.1/' "$set"/*.net.json
untouched 'an edited role file is refused' 3 node apply
put_store "$R/store.new"
rm "$set"/*.net.json
got=0
node apply >"$R/tap.out" 2>&1 || got=$?
check 'a store with a role missing is not success' [ "$got" != 0 ]
put_store "$R/store.new"
object=$(sha256sum "$BPFSEAL_BPF/count2.bpf.o" | cut -d' ' -f1)
flip() { printf 'X' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
chmod u+w "$store/blobs/$object"
flip "$store/blobs/$object" 300
untouched 'a new object changed in the store after it was verified is refused' 3 node apply
put_store "$R/store.new"
cp "$BPFSEAL_BPF/count.bpf.o" "$R/other.o"
chmod u+w "$store/blobs/$object"
cp "$R/other.o" "$store/blobs/$object"
untouched 'another signed object under its name is refused too' 3 node apply
put_store "$R/store.new"
check 'its second version is applied' node apply
check 'and counts packets' runs
cp -a "$store" "$R/store.good"

# ---- the fetcher is taken over: its store is the attacker's ----
put_store "$R/store.old"
untouched 'an older, correctly signed store is a rollback' 4 node apply
put_store "$R/store.good"

# What was admitted once is read from our own copy: the store's owner cannot keep a change of the admin's from it.
chmod u+w "$store/blobs/$object"
flip "$store/blobs/$object" 300
sed -i 's/"value": 2000/"value": 2001/' "$R/etc/bpfseal/node.json"
check 'an object changed in the store after it was admitted is read from our copy' node apply
check '... and runs' runs
sed -i 's/"value": 2001/"value": 2000/' "$R/etc/bpfseal/node.json"
quiet node apply
chmod u+w "$R/var/lib/bpfseal-loader/objects/$object"
flip "$R/var/lib/bpfseal-loader/objects/$object" 300
sed -i 's/"value": 2000/"value": 2001/' "$R/etc/bpfseal/node.json"
ends '... and with both changed refused' 3 node apply
check '... and the chain runs' chain_runs
sed -i 's/"value": 2001/"value": 2000/' "$R/etc/bpfseal/node.json"
put_store "$R/store.good"

ln -sfn /etc "$store/repo/corp/current"
got=0
node apply >"$R/tap.out" 2>&1 || got=$?
check 'a `current` that points out of the store is not followed' [ "$got" != 0 ]
put_store "$R/store.good"

rm -f "$store/blobs/$object" "$R/var/lib/bpfseal-loader/objects/$object"
ln -s "$BPFSEAL_BPF/count2.bpf.o" "$store/blobs/$object"
sed -i 's/"value": 2000/"value": 2001/' "$R/etc/bpfseal/node.json"
got=0
node apply >"$R/tap.out" 2>&1 || got=$?
check 'an object that is a symlink is not followed' [ "$got" != 0 ]
sed -i 's/"value": 2001/"value": 2000/' "$R/etc/bpfseal/node.json"
put_store "$R/store.good"
check 'with the true store back, all is well' node apply

# ---- the admin's files ----
cp "$R/etc/bpfseal/trust/corp/root.json" "$R/root.json"
sed -i 's/"threshold": 2/"threshold": 1/' "$R/etc/bpfseal/trust/corp/root.json"
untouched 'a pinned root that was edited is refused' 3 node apply
ends 'by the fetcher too' 3 bpfseal sync
cp "$R/root.json" "$R/etc/bpfseal/trust/corp/root.json"
chmod g+w "$R/etc/bpfseal/node.json"
untouched 'a node.json that others may write is refused' 5 node apply
chmod g-w "$R/etc/bpfseal/node.json"
cp "$R/etc/bpfseal/node.json" "$R/node.good"
sed -i 's/"use": "net\/count"/"usw": "net\/count"/' "$R/etc/bpfseal/node.json"
untouched 'a typo in node.json is refused' 5 node apply
check '... with file, line, column and the nearest name' sh -c "$BIN/bpfseal config check --root $R 2>&1 | tr '\n' ' ' | grep -q 'use.*node.json:10:[0-9]'"
cp "$R/node.good" "$R/etc/bpfseal/node.json"
sed -i 's/"version": "\*"/"version": "9.9.9"/' "$R/etc/bpfseal/node.json"
untouched 'a version that nobody signed is refused' 3 node apply
cp "$R/node.good" "$R/etc/bpfseal/node.json"
sed -i 's/"xdp": \[$/"xdp": [ { "use": "evil\/count", "version": "1.0.0" },/' "$R/etc/bpfseal/node.json"
untouched 'a name that nobody signed is refused' 3 node apply
cp "$R/node.good" "$R/etc/bpfseal/node.json"

# ---- the network and the mirror ----
state() { (cd "$store" && find . -not -name lock -type f -exec sha256sum {} + | sort; readlink repo/corp/current); }
mirrored() { # SENTENCE STATUS MODE
	start_mirror "$R/var/lib/bpfseal-repod" "$3"
	sed "s#\"url\": \"[^\"]*\"#\"url\": \"$MIRROR\"#" "$R/node.good" >"$R/etc/bpfseal/node.json"
	state >"$R/state.before"
	ends "$1" "$2" timeout 200 "$BIN/bpfseal" sync --root "$R"
	state >"$R/state.after"
	check '... and the store is as it was' cmp "$R/state.before" "$R/state.after"
}
mirrored 'a redirect is not followed' 6 redirect
got=0
start_mirror "$R/var/lib/bpfseal-repod" endless
sed "s#\"url\": \"[^\"]*\"#\"url\": \"$MIRROR\"#" "$R/node.good" >"$R/etc/bpfseal/node.json"
timeout 200 "$BIN/bpfseal" sync --root "$R" >"$R/tap.out" 2>&1 || got=$?
check 'an endless body ends at its cap' [ "$got" = 3 ]
cp "$R/node.good" "$R/etc/bpfseal/node.json"
kill "$REPOD"
wait "$REPOD" 2>/dev/null
ends 'a server that is gone is a network failure' 6 bpfseal sync
check '... and the chain runs' runs
check '... and can be applied again from what is there' node apply

# ---- what killed runs leave ----
own=$R/var/lib/bpfseal-loader
touch "$own/.tmp-0123" "$own/trust/corp/.tmp-0123" "$own/objects/.tmp-0123" "$own/objects/$(printf %064d 5)"
copies=$(find "$own/objects" -type f | wc -l)
check 'an apply goes well beside leftovers' node apply
check '... and removes them' [ -z "$(find "$own" -name '.tmp-*')" ]
check '... with a copy that no record names, and no other' [ "$(find "$own/objects" -type f | wc -l)" = $((copies - 2)) ]

# ---- stale metadata: nothing new, and what runs stays ----
expire "$SOURCE/tests/e2e/count-2.1.json" bpfseal sync
untouched 'what has expired loads nothing new' 4 node apply
ends 'and the fetcher says the network is gone' 6 bpfseal sync

# ---- the audit log saw it all ----
check 'the audit log holds together' sh -c "[ \$(wc -l <$R/var/lib/bpfseal-loader/audit.log) -ge 2 ]"
done_testing
