#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A publisher whose targets lie in 256 hash bins: made, signed and published at once; one more bundle changes two of them.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
world_begin
team=$R/team
quiet make_keys root-1 targets-1 release-1 release-2 release-3
quiet bpfseal repod init
online=$R/var/lib/bpfseal-repod/online.pub
quiet bpfseal root init --dir "$team" --root-key "$(pub root-1)" --root-threshold 1 --targets-key "$(pub targets-1)" \
	--targets-threshold 1 --snapshot-key "$online" --timestamp-key "$online"

delegate() { bpfseal root delegate net --dir "$team" --paths 'net/*/*' --key "$(pub release-1)" --key "$(pub release-2)" --threshold 2 --bins "$1"; }
ends 'bins come in powers of two' 2 delegate 100
check '... and nothing is written' [ ! -e "$team/metadata/net.json" ]
check 'net is delegated to, in 256 bins' delegate 256
bins() { find "$team/metadata" -name 'net-??.json' | wc -l; }
check 'each bin has a draft' [ "$(bins)" = 256 ]
ends 'another number of bins is refused' 5 delegate 512
quiet with_keys root-1 -- bpfseal sign "$team/metadata/root.json" --key "$(key root-1)"
quiet with_keys targets-1 -- bpfseal sign "$team/metadata/targets.json" --key "$(key targets-1)"
sign() { with_keys release-1 release-2 -- bpfseal sign "$@" --key "$(key release-1)" --key "$(key release-2)"; }
check 'one call signs all of them' sign "$team/metadata/net.json" "$team"/metadata/net-*.json
check 'a bin verifies up to the root' "$BIN/bpfseal" verify "$team/metadata/net-3f.json"
FINGERPRINT=$(bpfseal root show --dir "$team" --json | jq -r .fingerprint)
quiet bpfseal repod pin "$team/metadata/root.json" --fingerprint "$FINGERPRINT"
quiet start_repod
check 'targets, net and all bins go out' with_keys targets-1 -- bpfseal publish --dir "$team" --url "$URL" --key "$(key targets-1)"
served() { bpfseal repod check >/dev/null && ls "$R/var/lib/bpfseal-repod/metadata"; }
check 'in one snapshot' [ "$(served | grep -c snapshot)" = 1 ]
check 'which lists each of them' [ "$(jq '.signed.meta | length' "$R"/var/lib/bpfseal-repod/metadata/1.snapshot.json)" = 258 ]

stage() { # MANIFEST
	quiet bpfseal bundle build --manifest "$1" --object-dir "$BPFSEAL_BPF" --output "$R/staged.bundle"
	bpfseal bundle add "$R/staged.bundle" --dir "$team" --role net --json >"$R/added.json"
}
release() { # MANIFEST
	stage "$1" || return 1
	# shellcheck disable=SC2046
	sign $(jq -r --arg dir "$team/metadata" '.roles[] | "\($dir)/\(.).json"' "$R/added.json") && publish
}
files() { served | sort >"$R/$1"; }
metric() { curl -s "$URL/metrics" | sed -n "s/^bpfseal_repod_$1 //p"; }
answers() { curl -s "$URL/metrics" | awk '/^bpfseal_repod_http_answers_total/ { n += $2 } END { print n }'; }
files before
asked=$(answers)
check 'a bundle is put into its bin and published' release "$SOURCE/bpf/count.json"
check 'for which the server looked into the bins that changed and the two roles above' [ "$(metric roles_checked)" -le 4 ]
check '... of all that there are' [ "$(metric roles)" = 258 ]
few_asked() { [ $(($(answers) - asked)) -le 16 ]; }
check 'and the publisher asked for nothing of the bins that did not change' few_asked
files after
came() { comm -13 "$R/before" "$R/after"; }
check 'two bins change at most' [ "$(came | grep -c '^[0-9]*\.net-')" -le 2 ]
check '... with one snapshot' [ "$(came | grep -c snapshot)" = 1 ]
check '... and nothing else' [ "$(came | grep -cv 'snapshot\|\.net-')" = 0 ]
check 'a second version goes out' release "$SOURCE/bpf/count2.json"
quiet pin
node_json() { # VERSION
	cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { "eth0": { "xdp": [ { "use": "net/count", "version": "$1" } ] } },
  "policy": { "programs": ["xdp"], "helpers": ["base"] } }
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
}
has() { find "$R/var/lib/bpfseal/store/repo/corp/current/" -name "*.$1.json" | grep -q .; }
node_json 1.0.0
check 'a node syncs an exact version' bpfseal sync
check 'it fetched the role that leads to the bins' has net
few() { [ "$(find "$R/var/lib/bpfseal/store/repo/corp/current/" -name '*.net-??.json' | wc -l)" -le 2 ]; }
check '... and no bin that it has no use for' few
node_json '2.*'
check 'and a pattern' bpfseal sync
check 'and a second time, with nothing new' bpfseal sync

# A key that leaves the delegation leaves the bins as well.
quiet bpfseal root add-key --dir "$team" --role net --key "$(pub release-3)"
quiet bpfseal root rm-key --dir "$team" --role net --key "$(pub release-2)"
gone() { ! grep -rlq "$(jq -r .keyval.public "$(pub release-2)")" "$team/metadata/net.json" "$team/metadata/targets.json"; }
check 'a key that leaves a delegate leaves its bins too' gone
unsigned() { cat "$team"/metadata/net-??.json | jq -s 'all(.signatures == []) and length == 256'; }
check '... and each of them wants new signatures' [ "$(unsigned)" = true ]
both() { with_keys release-1 release-3 -- bpfseal sign "$team/metadata/net.json" "$team"/metadata/net-*.json --key "$(key release-1)" --key "$(key release-3)"; }
check 'they are signed by the new keys' both
quiet with_keys targets-1 -- bpfseal sign "$team/metadata/targets.json" --key "$(key targets-1)"
check 'the change of keys goes out whole' with_keys targets-1 -- bpfseal publish --dir "$team" --url "$URL" --key "$(key targets-1)"
check 'a node follows' bpfseal sync
check 'all bins are renewed by one call' bpfseal root renew net --dir "$team"
check '... and each is the next version' [ "$(jq -s 'map(.signed.version) | min' "$team"/metadata/net-??.json)" = 3 ]
done_testing
