#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole line, with the real programs: sign, publish, pin, fetch, verify, load, count packets. `make demo` runs it;
# KEEP=1 leaves it running. As an ordinary user it stops before the kernel and says so.
set -eu
. "$(dirname "$0")/lib.sh"

bold() { printf '\n== %s\n' "$*"; }
# Shows a command as a person would type it (shell-quoted only where it must be), then runs it.
show() {
	line='$'
	for word in "$@"; do
		case $word in
		node) word=bpfseal ;;
		"$R"/*) word=${word#"$R"} ;;
		"$BPFSEAL_BPF") word=build/bpf ;;
		"$SOURCE"/*) word=${word#"$SOURCE"/} ;;
		*[*\ ]*) word="'$word'" ;;
		esac
		line="$line $word"
	done
	printf '%s\n' "$line"
	"$@"
}
fail() { echo "demo failed: $*" >&2; exit 1; }
# Shows a command that must be refused with this exit status.
refused() {
	want=$1
	shift
	status=0
	show "$@" 2>&1 || status=$?
	[ "$status" = "$want" ] || fail "exit status $status, not $want"
	echo "(exit status $status)"
}
same() { # what, got, wanted
	[ "$2" = "$3" ] || fail "$1: $2, not $3"
	echo "ok: $1: $2"
}

world_begin
echo "state of this demo: $R"

bold '1. security team: keys, root, delegation'
make_keys root-1 root-2 root-3 targets-1 targets-2 release-1 release-2
bpfseal repod init
show bpfseal root init --dir "$R/team" --root-key "$(pub root-1)" --root-key "$(pub root-2)" --root-key "$(pub root-3)" \
	--root-threshold 2 --targets-key "$(pub targets-1)" --targets-key "$(pub targets-2)" --targets-threshold 2 \
	--snapshot-key "$R/var/lib/bpfseal-repod/online.pub" --timestamp-key "$R/var/lib/bpfseal-repod/online.pub"
show bpfseal root delegate net --dir "$R/team" --paths 'net/*/*' --key "$(pub release-1)" --key "$(pub release-2)" --threshold 2
with_keys root-1 root-2 -- show bpfseal sign "$R/team/metadata/root.json" --key "$(key root-1)" --key "$(key root-2)"
with_keys targets-1 targets-2 -- show bpfseal sign "$R/team/metadata/targets.json" --key "$(key targets-1)" --key "$(key targets-2)"
FINGERPRINT=$(bpfseal root show --dir "$R/team" --json | jq -r .fingerprint)

bold '2. repository server'
show bpfseal repod pin "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"
start_repod
echo "bpfseal-repod serves on $URL"
with_keys targets-1 -- show bpfseal publish --dir "$R/team" --url "$URL" --key "$(key targets-1)"

bold '3. bundles: built from source, signed by both release keys, published'
for name in allow ratelimit count; do
	show bpfseal bundle build --manifest "$SOURCE/bpf/$name.json" --object-dir "$BPFSEAL_BPF" --output "$R/team/$name.bundle"
	bpfseal bundle add "$R/team/$name.bundle" --dir "$R/team" --role net
done
with_keys release-1 release-2 -- show bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
with_keys release-1 -- show bpfseal publish --dir "$R/team" --url "$URL" --key "$(key release-1)"
cp "$R/var/lib/bpfseal-repod/metadata/timestamp.json" "$R/timestamp.old"

bold '4. node admin: pins the root, writes node.json'
refused 3 bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json"
refused 3 bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json" \
	--fingerprint 0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000
show bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"
write_node "$URL" 1.0.0
cat "$R/etc/bpfseal/node.json"
show bpfseal config check

bold '5. node: pull, verify, load'
show bpfseal sync
if ! can_load; then
	echo
	echo "demo stops before loading: $WHY. Everything up to here was signed, published, pulled and verified."
	exit 0
fi
world_wire
show node plan
show node apply
show node status

bold '6. packets'
packets send wire0 --src 10.0.0.1 --count 1000 --rate 20000
packets send wire0 --src 10.9.9.9 --count 500 --rate 20000
packets send wire0 --src 10.0.0.2 --count 4000 --rate 200000
same 'dropped by the allow-list (500 sent by a stranger)' "$(counter net/allow allow_drops 0)" 500
limited=$(counter net/ratelimit rl_drops 0)
[ "$limited" -gt 0 ] || fail 'the rate limiter dropped nothing of a burst'
echo "ok: dropped by the rate limiter (limit 2000 a second): $limited"
same 'seen by the counter, last in the chain' "$(counter net/count counts 17 packets)" $((5000 - limited))

bold '7. attacks'
running() { chain_runs || fail 'the chain does not run any more'; echo 'ok: the chain keeps running'; }
thief=$R/thief
mkdir "$thief"
bpfseal bundle build --manifest "$SOURCE/tests/e2e/count-1.1.json" --object-dir "$BPFSEAL_BPF" --output "$R/team/next.bundle" >/dev/null
bpfseal bundle add "$R/team/next.bundle" --dir "$R/team" --role net >/dev/null
cp -r "$R/team/metadata" "$R/team/targets" "$thief/"
mkdir "$thief/alone"

echo '-- a bundle signed by one key of two'
with_keys release-1 -- bpfseal sign "$thief/metadata/net.json" --key "$(key release-1)" >/dev/null
with_keys release-1 -- refused 3 bpfseal publish --dir "$thief" --url "$URL" --key "$(key release-1)"
running

echo '-- a bundle signed by a stranger'
make_keys stranger >/dev/null
with_keys stranger -- refused 3 bpfseal publish --dir "$thief" --url "$URL" --key "$(key stranger)"
running

echo '-- a bundle with one flipped byte, from a mirror'
with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)" >/dev/null
publish >/dev/null
cp -r "$R/var/lib/bpfseal-repod/." "$thief/mirror"
blob=$thief/mirror/blobs/$(sha256sum "$R/team/next.bundle" | cut -d' ' -f1)
printf 'X' | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
start_mirror "$thief/mirror"
write_node "$MIRROR" 1.1.0
refused 3 bpfseal sync
running

echo '-- a replayed older timestamp'
cp "$R/timestamp.old" "$thief/mirror/metadata/timestamp.json"
refused 4 bpfseal sync
running

echo '-- the server itself in the hands of a thief, who has its online key too'
"$SOURCE/packaging/setup.sh" --root "$R/node2"
mkdir -p "$R/node2/etc/bpfseal/trust"
cp -a "$R/etc/bpfseal/." "$R/node2/etc/bpfseal/"
cp "$R/var/lib/bpfseal-repod/metadata/timestamp.json" "$thief/mirror/metadata/timestamp.json"
install -m 0600 "$R/var/lib/bpfseal-sign/online.key" "$thief/online.key"
for who in release-1 stranger; do
	jq '.signatures = [] | .signed.version += 1' "$R/team/metadata/net.json" >"$thief/alone/net.json"
	with_keys $who -- bpfseal sign "$thief/alone/net.json" --key "$(key $who)" --quiet >/dev/null
	"$PLAYERS/forge" "$thief/mirror/metadata" "$thief/online.key" "net=$thief/alone/net.json"
	echo "\$ bpfseal sync     (another node; bundles signed by $who alone)"
	status=0
	"$BIN/bpfseal" sync --root "$R/node2" 2>&1 || status=$?
	[ "$status" = 3 ] || fail "exit status $status, not 3"
	echo "(exit status $status)"
done
running
write_node "$URL" 1.0.0

bold '8. version 2 of the counter rolls in while packets flow'
before=$(counter net/count counts 17 packets)
stream_begin wire0 1000
counts_past "$before"
bpfseal bundle build --manifest "$SOURCE/bpf/count2.json" --object-dir "$BPFSEAL_BPF" --output "$R/team/count2.bundle" >/dev/null
bpfseal bundle add "$R/team/count2.bundle" --dir "$R/team" --role net
with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)" >/dev/null
with_keys release-1 -- show bpfseal publish --dir "$R/team" --url "$URL" --key "$(key release-1)"
write_node "$URL" '2.*'
show bpfseal sync
show node plan
show node apply
counts_past "$(counter net/count counts 17 packets)"
stream_end || fail 'the sender was done before the new version was in'
is_counted() { [ "$(counter net/count counts 17 packets)" -ge $((before + STREAMED)) ]; }
until_so is_counted || true
same "counted over both versions: before + $STREAMED, none lost, counters kept" "$(counter net/count counts 17 packets)" $((before + STREAMED))

bold '9. what others may do to the interface'
echo '$ ip link set dev eth0 xdp off'
ip -n "$NS" link set dev eth0 xdp off && fail 'the chain could be taken off'
running
echo '$ bpftool link detach   (root, by force)'
bpftool link detach pinned "$R/sys/fs/bpf/bpfseal/eth0/xdp/link"
refused 8 node status --check
show node apply
running

if [ "${KEEP:-}" = 1 ]; then
	trap - EXIT INT TERM HUP
	cat <<KEPT

The demo is left running. Look around:
  nsenter --net=/run/netns/$NS $BIN/bpfseal status --root $R
  nsenter --net=/run/netns/$NS $PLAYERS/packets send wire0 --src 10.0.0.1 --count 100
  curl $URL/api/v1/status
Clean up:
  kill $PIDS; ip netns del $NS; umount $R/sys/fs/bpf; rm -rf $R
KEPT
	exit 0
fi
bold 'done: everything that ran was signed; everything that was not signed was refused'
