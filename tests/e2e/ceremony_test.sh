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
# ---- signing on a machine that has nothing but the key and one file ----
m=$c/metadata
check 'a change of the targets is drafted' bs root delegate sec --dir "$c" --paths 'sec/*/*' --key "$(p p1)" --threshold 1
check 'a request is written' bs sign --request "$m/targets.json" --output "$R/x.request"
mkdir "$R/offline"
away() { (cd "$R/offline" && bs sign "$@" --passphrase-file "$R/phrase"); }
carry() { cp "$R/x.request" "$R/offline/"; }
carry
ends 'the offline machine says what is asked' 0 away x.request --key "$(k t1)"
check '... against what was there before' said 'compared with version 1'
check '... in words' said '+ delegation sec: paths sec/\*/\*'
check '... and how many signatures are missing' said '1 of 2 signatures, 1 still missing'
check 'a second key signs into another file' away x.request --key "$(k t2)" --output y.request
ends 'a key that may not sign does not sign a request' 3 away x.request --key "$(k p1)"
merge() { bs sign --merge "$R/offline/$1" --dir "$c"; }
check 'the signatures are put back' merge y.request
check '... and count' bs verify "$m/targets.json"
before=$(sha256sum "$m/targets.json")
check 'merged again nothing changes' merge y.request
check '... not even a byte' [ "$before" = "$(sha256sum "$m/targets.json")" ]
change() { jq "$1" "$R/x.request" >"$R/offline/x.request"; }
change '.files["targets.json"].signed.delegations.roles[0].threshold = 1'
ends 'a request that was changed on the way does not merge' 3 merge x.request
change '.files["root.json"].signed.expires = "2039-01-01T00:00:00Z"'
ends 'a request with a root that does not verify is refused' 3 away x.request --key "$(k t1)"
change 'del(.files["root.json"])'
ends 'and one without the root that says who signs' 3 away x.request --key "$(k t1)"
change '.files["1.targets.json"] = .files["targets.json"] | .files["1.targets.json"].signed.version = 1'
ends 'a forged version before hides no change' 0 away x.request --key "$(k t1)"
check '... it is not believed' said 'not signed by those who'
check '... and all is shown as new' said '+ delegation net: paths'
bs sign --request "$m/net.json" --output "$R/x.request" --quiet
change '.sign = ["evil.json"] | .files["evil.json"] = .files["net.json"]'
ends 'a draft of a role that nobody delegates to is refused' 3 away x.request --key "$(k p1)"
change '.sign = ["../net.json"] | .files["../net.json"] = .files["net.json"]'
ends 'a name that climbs is refused' 3 away x.request --key "$(k p1)"
ends 'what stands above must be signed before' 3 sh -c "'$BIN/bpfseal' root threshold 1 --role targets --dir '$c' --quiet; '$BIN/bpfseal' sign --request '$m/targets.json' --output '$R/z.request'"
check '... or be asked for in the same request' bs sign --request "$m/root.json" "$m/targets.json" --output "$R/z.request"

# ---- a second repository on the same node (A13) ----
pinned() { # NAME DIR
	"$BIN/bpfseal" trust add "$1" --root "$R" --url https://"$1".example --root-json "$2/metadata/root.json" \
		--fingerprint "$(bs root show --dir "$2" --json | jq -r .fingerprint)"
}
second() { # DIR TIMESTAMP-KEY
	bs root init --dir "$1" --root-key "$(p x1)" --root-threshold 1 --targets-key "$(p x2)" --targets-threshold 1 \
		--snapshot-key "$(p x3)" --timestamp-key "$2" && bs sign "$1/metadata/root.json" --key "$(k x1)"
}
for name in x1 x2 x3 x4; do bs key new "$(k $name)" --no-passphrase --quiet; done
check 'a repository is made' second "$R/lab" "$(p x4)"
check '... and pinned' pinned lab "$R/lab"
check 'the same under another name is the same repository' pinned lab-mirror "$R/lab"
for name in y1 y2 y3; do bs key new "$(k $name)" --no-passphrase --quiet; done
third() { # a repository with keys of its own but one
	bs root init --dir "$R/third" --root-key "$(p y1)" --root-threshold 1 --targets-key "$(p y2)" --targets-threshold 1 \
		--snapshot-key "$(p y3)" --timestamp-key "$(p x4)" && bs sign "$R/third/metadata/root.json" --key "$(k y1)"
}
check 'another one has the same timestamp key' third
ends 'it is not pinned beside the first' 5 pinned third "$R/third"
check '... for what the one signs would pass for the other' said 'role timestamp speak for lab too'
none() { ! "$BIN/bpfseal" trust show third --root "$R" >/dev/null 2>&1; }
check '... and nothing is pinned' none
cp -a "$R/etc/bpfseal/trust/lab" "$R/lab.pin"
check 'without the first it is' sh -c "'$BIN/bpfseal' trust remove lab --yes --root '$R' && '$BIN/bpfseal' trust remove lab-mirror --yes --root '$R'"
check '... pinned' pinned third "$R/third"
cp -a "$R/lab.pin" "$R/etc/bpfseal/trust/lab"
ends 'where both are pinned all the same, trust show says so' 0 "$BIN/bpfseal" trust show --root "$R"
check '... of each of the two' said 'warning: third and lab share 1 key of the role timestamp: what one signs passes'
shown() { "$BIN/bpfseal" trust show lab --root "$R" --json 2>/dev/null | jq -e '.pins[0].shared_keys == [{"with": "third", "role": "timestamp", "keys": 1, "enough": true}]'; }
check '... and in its document' shown

# ---- the doctor ----
ends 'the doctor finds nothing due' 0 bs keys doctor --dir "$c"
check '... and warns of a role without a spare key' said 'warning: net needs all of its 2 keys'
ends 'it is at home under key as well' 0 bs key doctor --dir "$c" --json
check '... and speaks JSON' jq -e '.schema == "bpfseal.keys-doctor/1" and .ok and (.findings | map(.code) | index("shared"))' "$R/tap.out"
check 'a role is made that ends in five days' bs root renew sec --dir "$c" --expires 5d
ends 'what is due within a week is an alarm' 8 bs keys doctor --dir "$c"
check '... that says how to renew it' said 'bpfseal root renew sec'
printf 'one phrase for all\nanother\n' >"$R/both"
check 'a passphrase is changed' bs key passwd "$(k r2)" --passphrase-file "$R/both" --kdf interactive
ends 'the old one does not open the key any more' 2 sign root r2
# ---- a key of a delegation is lost ----
check 'a delegation of two keys' bs root delegate lab --dir "$c" --paths 'lab/*/*' --key "$(p p1)" --key "$(p p2)" --threshold 2
check '... whose role is signed' sign lab p1 p2
ends 'a key that is needed is not taken away' 2 bs root rm-key --dir "$c" --role lab --key "$(p p2)"
check '... before there is another' said "fix: add a key first"
ends 'with another there' 0 bs root add-key --dir "$c" --role lab --key "$(p r4)"
ends '... it is' 0 bs root rm-key --dir "$c" --role lab --key "$(p p2)"
check '... and what has to be signed anew is said' said "next: bpfseal root renew lab --dir $c"

# ---- a request that is for more than one holder ----
check 'another change of the targets' bs root delegate pub --dir "$c" --paths 'pub/*/*' --key "$(p p1)" --threshold 1
check 'roles of different holders go into one request' bs sign --request "$m/root.json" "$m/targets.json" --output "$R/x.request"
carry
ends 'each signs what is his' 0 away x.request --key "$(k t1)"
check '... and hears what is not' said 'note: .*root.json is not for .*t1 to sign'
check '... which stays as it was' sh -c "jq -e '.files[\"root.json\"].signatures == []' $R/offline/x.request"
check '... the other has the signature' sh -c "jq -e '.files[\"targets.json\"].signatures | length == 1' $R/offline/x.request"
check '... whose are missing is told by their ids' said "not signed by $(bs key show "$(p r2)" --json | jq -r .id)"
ends 'one who has no part in it is refused' 3 away x.request --key "$(k p2)"
check '... with those who have' said "fix: who may: .*$(bs key show "$(p t1)" --json | jq -r .id)"
done_testing
