#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The offline ceremony as the security team and the node admin type it: keys, thresholds, rotation, pinning.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
world_begin
c=$R/team
echo 'one phrase for all' >"$R/phrase"
bs() { "$BIN/bpfseal" "$@"; }
made() { for name in "$@"; do bs key new "$c/keys/$name" --passphrase-file "$R/phrase" --kdf interactive --quiet || return 1; done; }
k() { echo "$c/keys/$1"; }
p() { echo "$c/keys/$1.pub"; }
sign() { # FILE KEY...
	file=$c/metadata/$1.json
	shift
	keys=
	for name in "$@"; do keys="$keys --key $c/keys/$name"; done
	# shellcheck disable=SC2086
	bs sign "$file" $keys --passphrase-file "$R/phrase"
}
init() { bs root init --dir "$1" --root-key "$(p r1)" --root-key "$(p r2)" --root-key "$(p r3)" --root-threshold 2 \
	--targets-key "$2" --targets-key "$(p t2)" --targets-threshold 2 --snapshot-key "$(p on)" --timestamp-key "$(p on)"; }

check 'keys are made' made r1 r2 r3 r4 t1 t2 p1 p2
check 'an online key may be made without a passphrase' bs key new "$(k on)" --no-passphrase
ends 'a key file is never overwritten' 2 bs key new "$(k r1)" --passphrase-file "$R/phrase"
check 'key files are for their owner only' [ "$(stat -c %a "$(k r1)")" = 600 ]
check 'the secret is in no other file' sh -c "! grep -rqF -- 'one phrase' $c"
ends 'without a passphrase and a terminal the call ends at once' 2 setsid -w "$BIN/bpfseal" key new "$(k x)" </dev/null
check '... and names the ways to give one' said passphrase-fd
ends 'an online key in an offline role is refused' 5 init "$R/wrong" "$(p on)"
check '... and nothing is written' [ ! -e "$R/wrong/metadata/root.json" ]
check 'a root is drafted' init "$c" "$(p t1)"
check 'a publisher is delegated to' bs root delegate net --dir "$c" --paths 'net/*/*' --key "$(p p1)" --key "$(p p2)" --threshold 2
ends 'an unsigned root does not verify' 3 bs verify "$c/metadata/root.json"
check 'one root key signs' sign root r1
ends 'one signature of two does not verify' 3 bs verify "$c/metadata/root.json"
ends 'a key that the role does not list does not sign' 3 sign root t1
check 'a second root key signs' sign root r2
check 'two of three verify' bs verify "$c/metadata/root.json"
check 'targets are signed by both keys' sign targets t1 t2
check 'the delegate is signed by both keys' sign net p1 p2
check 'all of it verifies' bs verify "$c/metadata/root.json" "$c/metadata/targets.json" "$c/metadata/net.json" --root "$c/metadata/root.json"
F=$(bs root show --dir "$c" --json | jq -r .fingerprint)
N=$R/node
mkdir "$N"
add() { bs trust add corp --root "$N" --url "$1" --root-json "$c/metadata/root.json" --fingerprint "$2"; }
ends 'no fingerprint, no pin' 3 bs trust add corp --root "$N" --url https://repo.example --root-json "$c/metadata/root.json"
ends 'another fingerprint, no pin' 3 add https://repo.example "0000$(echo "$F" | cut -c5-)"
ends 'plain http to another machine is refused' 5 add http://repo.example "$F"
check 'nothing was written until here' [ ! -e "$N/etc/bpfseal/trust/corp" ]
check 'the right fingerprint pins' add https://repo.example "$F"
check 'a pin can be shown' bs trust show corp --root "$N"
check 'and tested' bs trust test corp "$c/metadata/root.json" --root "$N"
check 'a root key is replaced' bs root add-key --dir "$c" --role root --key "$(p r4)"
check '... the old one leaves' bs root rm-key --dir "$c" --role root --key "$(p r1)"
check 'the new root is signed by keys that are in both' sign root r2 r3
check 'it follows the old one' bs verify "$c/metadata/root.json"
check 'the root is rotated once more' bs root rotate --dir "$c"
check '... signed by an old and the new key' sign root r2 r4
check 'the chain reaches from the pinned root to the newest' bs verify "$c/metadata/root.json" --root "$N/etc/bpfseal/trust/corp/root.json"
F2=$(bs root show --dir "$c" --json | jq -r .fingerprint)
ends 'another root is not pinned over the old one' 3 add https://repo.example "$F2"
ends 'a pin is not removed without --yes' 2 bs trust remove corp --root "$N"
check 'with it, it is' bs trust remove corp --root "$N" --yes
printf 'one phrase for all\nanother\n' >"$R/both"
check 'a passphrase is changed' bs key passwd "$(k r2)" --passphrase-file "$R/both" --kdf interactive
ends 'the old one does not open the key any more' 2 sign root r2
done_testing
