#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An independent client on a repository of ours: what our server publishes, it refreshes, walks and downloads.
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/peer.sh"
has_peer || skip_all "$WHY"
world_begin

# A client of its own, with the first root as its trusted one.
new_client() { # NAME
	mkdir -p "$R/$1/metadata" "$R/$1/got"
	cp "$R/root-1.json" "$R/$1/metadata/root.json"
}
client() { # NAME [TARGET...]
	name=$1
	shift
	peer_node "$INTEROP/client.js" "$R/$name/metadata" "$URL/metadata" "$R/$name/got" "$URL/targets" "$@"
}
version() { jq .signed.version "$R/$1/metadata/$2.json"; }
# What it wrote down for a target is what the team signed.
has_got() { # NAME TARGET
	cmp "$R/team/targets/$2" "$R/$1/got/$(echo "$2" | sed 's#/#%2F#g')"
}
is_at() { # NAME ROLE VERSION
	[ "$(version "$1" "$2")" = "$3" ] || { echo "$2 is at version $(version "$1" "$2"), not $3"; return 1; }
}
gets() { # NAME TARGET...
	name=$1
	shift
	client "$name" "$@" || return 1
	for target in "$@"; do has_got "$name" "$target" || return 1; done
}
finds_nothing() { # NAME TARGET: and says so, rather than failing before it looked
	! client "$@" >"$R/said" 2>&1 && grep 'nobody signed' "$R/said" && return 0
	cat "$R/said"
	return 1
}

# ---- the first publication ----
quiet world_team
cp "$R/team/metadata/root.json" "$R/root-1.json"
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/count.json"
new_client old
check 'after the first publication it refreshes' client old
check 'and is at the root it began with' is_at old root 1
check 'through the delegation net/*/* it finds and downloads a bundle' gets old net/count/1.0.0.bundle
check 'and the index' gets old net/count/index.json
check 'and another bundle' gets old net/allow/1.0.0.bundle
check 'what nobody signed it does not find' finds_nothing old net/count/9.9.9.bundle
check 'nor what the delegation does not reach' finds_nothing old evil/count/1.0.0.bundle
check 'with nothing new it refreshes again' client old
snapshot=$(version old snapshot)

# ---- the second ----
quiet release "$SOURCE/bpf/count2.json"
check 'after the second publication it downloads the new bundle' gets old net/count/2.0.0.bundle
check 'and the index that names it' gets old net/count/index.json
check 'from a higher snapshot' [ "$(version old snapshot)" -gt "$snapshot" ]
check 'and the second version of the delegated role' is_at old net 2
new_client young
check 'a client that comes only now gets old and new' gets young net/count/1.0.0.bundle net/count/2.0.0.bundle

# ---- the root: a key comes, a key goes ----
change() { bpfseal root "$@" --dir "$R/team"; }
sign() { # ROLE KEY...
	role=$1
	shift
	options=
	for name in "$@"; do options="$options --key $(key "$name")"; done
	# shellcheck disable=SC2086
	with_keys "$@" -- bpfseal sign "$R/team/metadata/$role.json" $options
}
quiet make_keys root-4 targets-3
quiet change add-key --role root --key "$(pub root-4)"
quiet change rm-key --role root --key "$(pub root-1)"
quiet change add-key --role targets --key "$(pub targets-3)"
quiet sign root root-2 root-3
quiet publish
check 'after a rotation of the root keys it refreshes' client old
check 'and trusts the second root' is_at old root 2
check 'and still downloads' gets old net/allow/1.0.0.bundle

# Now with the new key, and the targets keys change hands.
quiet change delegate net --paths 'net/*/*' --key "$(pub release-1)" --key "$(pub release-2)" --threshold 2
quiet sign targets targets-2 targets-3
quiet publish
quiet change rm-key --role targets --key "$(pub targets-1)"
quiet sign root root-2 root-4
quiet publish
check 'after a rotation of the targets keys it refreshes' client old
check 'and trusts the third root' is_at old root 3
check 'and the targets that the new keys signed' is_at old targets 2
new_client late
check 'a client that knows only the first root walks to the third' gets late net/count/2.0.0.bundle
check 'and trusts it' is_at late root 3

# ---- thresholds ----
quiet change threshold 3 --role root
quiet sign root root-2 root-3 root-4
quiet publish
check 'after the threshold went up it refreshes' client old
check 'and trusts the fourth root' is_at old root 4
check 'a client from the first root too' client late

# ---- 256 hash bins ----
quiet change delegate fleet --paths 'fleet/*/*' --key "$(pub release-1)" --key "$(pub release-2)" --threshold 2 --bins 256
quiet sign targets targets-2 targets-3
sign_files() { with_keys release-1 release-2 -- bpfseal sign "$@" --key "$(key release-1)" --key "$(key release-2)"; }
quiet sign_files "$R/team/metadata/fleet.json" "$R"/team/metadata/fleet-*.json
quiet publish
check 'with 256 empty bins it refreshes' client old
check 'and finds nothing in them' finds_nothing old fleet/count/1.0.0.bundle
fleet() { # MANIFEST
	jq '.publisher = "fleet"' "$1" >"$R/fleet.json"
	bpfseal bundle build --manifest "$R/fleet.json" --object-dir "$BPFSEAL_BPF" --output "$R/fleet.bundle" || return 1
	bpfseal bundle add "$R/fleet.bundle" --dir "$R/team" --role fleet --json >"$R/added.json" || return 1
	# shellcheck disable=SC2046
	sign_files $(jq -r --arg dir "$R/team/metadata" '.roles[] | "\($dir)/\(.).json"' "$R/added.json") && publish
}
quiet fleet "$SOURCE/bpf/count.json"
check 'through its bin it downloads a bundle' gets old fleet/count/1.0.0.bundle
check 'and the index through another' gets old fleet/count/index.json
quiet fleet "$SOURCE/bpf/count2.json"
quiet fleet "$SOURCE/bpf/allow.json"
check 'after two more publications it downloads what is new' gets old fleet/count/2.0.0.bundle fleet/allow/1.0.0.bundle fleet/count/index.json
new_client bins
check 'a client that comes only now too' gets bins fleet/count/2.0.0.bundle fleet/allow/index.json
held() { find "$R/bins/metadata" -name 'fleet-*.json' | wc -l; }
check 'and has fetched no bins but those of its two paths' [ "$(held)" -le 2 ]
check 'what nobody signed it does not find in them' finds_nothing bins fleet/count/9.9.9.bundle
done_testing
