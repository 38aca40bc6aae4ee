#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The gate: every rule of a node's policy by itself, what does not fit into a chain, and what the kernel's verifier refuses
# or works too long on. Whatever is refused, the chain that runs stays as it is, and nothing is left behind.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire

manifest() { # NAME OBJECT ENTRY LINKAGE MAP...
	name=$1 object=$2 entry=$3 linkage=$4
	shift 4
	maps=
	for map in "$@"; do maps="$maps${maps:+, }{ \"name\": \"$map\" }"; done
	cat >"$R/team/$name.json" <<MANIFEST
{ "publisher": "net", "name": "$name", "version": "1.0.0", "license": "GPL-2.0-only OR BSD-2-Clause",
  "programs": [ { "object": "$object", "entry": "$entry", "hook": "xdp", "linkage": $linkage } ], "maps": [ $maps ] }
MANIFEST
}
own='"own_map", "next_map": "own_next"'
manifest parts ways.bpf.o with_parts "$own"
manifest loop ways.bpf.o in_a_loop "$own"
manifest choice ways.bpf.o by_choice "$own"
manifest dead ways.bpf.o dead_next "$own"
manifest bomb bombs.bpf.o bomb_dear '"wrap"'
manifest invalid bombs.bpf.o bomb_long '"wrap"'

quiet world_team
quiet release "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json" "$R/team/parts.json" "$R/team/loop.json" \
	"$R/team/choice.json" "$R/team/bomb.json" "$R/team/invalid.json"
quiet pin

use() { echo "{ \"use\": \"net/$1\", \"version\": \"1.0.0\" }"; }
uses() { # NAME...: a list of them
	list=
	for name in "$@"; do list="$list${list:+, }$(use "$name")"; done
	echo "$list"
}
node_json() { # USES POLICY
	cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { "eth0": { "xdp": [ $1 ] } },
  "policy": { $2 } }
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
}
both=$(uses ratelimit count)
tree() { (cd "$R/sys/fs/bpf/bpfseal" && find . | sort); }
programs() { node status --json | jq -c '[.chains[].members[] | [.name, .program_id, .state]]'; }
untouched() { [ "$(programs)" = "$running" ] && [ "$(tree)" = "$pins" ]; }
verdict() { bpfseal config check --json 2>/dev/null | jq -r --arg use "net/$1" '.uses[] | select(.use == $use) | .verdict'; }

# ---- every rule is told ----
node_json "$both" ''
ends 'config check prints every rule' 0 bpfseal config check
for rule in programs helpers probes kfuncs map_types map_bytes_max map_bytes_total insns_max verifier_seconds_max licenses publishers \
	interfaces fall_through never; do
	check "... $rule" said "^$rule "
done
check '... and what it cannot tell before a program ran here' [ "$(verdict count)" = unknown ]
quiet bpfseal sync
quiet node apply
check 'what runs is judged by our own copy' [ "$(verdict ratelimit) $(verdict count)" = 'allowed allowed' ]
check '... with every rule of the file' sh -c "[ \"\$($BIN/bpfseal config check --json --root $R | jq '.rules | length')\" = 13 ]"
running=$(programs)
pins=$(tree)

# ---- every rule refuses, and names itself ----
refuses() { # RULE POLICY [USE]: config check, plan and apply refuse, and nothing changes
	node_json "$both" "$2"
	ends "$1: config check refuses" 5 bpfseal config check
	check '... and says which program' [ "$(verdict "${3:-count}")" = refused ]
	ends '... plan refuses' 5 node plan
	check '... naming the rule' said "$1: "
	ends '... apply refuses' 5 node apply
	check '... and the chain is untouched' untouched
}
refuses programs '"programs": [ "tc" ]'
refuses helpers '"helpers": [ "output" ]'
refuses 'map types' '"map_types": [ "array", "prog_array", "lru_hash" ]'
refuses 'map memory' '"map_bytes_max": 1000'
refuses 'node memory' '"map_bytes_total": 5000' ratelimit
refuses instructions '"insns_max": 5'
refuses license '"licenses": [ "GPL" ]'
refuses publishers '"publishers": [ "sec", "net/ratelimit" ]'
bpfseal config check >"$R/said" 2>/dev/null
check '... and says so once' [ "$(grep -o 'net/count is of no publisher' "$R/said" | wc -l)" = 1 ]
refuses interfaces '"interfaces": { "eth0": [ "net/ratelimit" ], "lo": [ "net" ] }'
node_json "$both" '"helpers": [ "base", "bpf_send_signal" ]'
ends 'a helper that can never be allowed is refused where it stands' 5 bpfseal config check
check '... with line and column' said 'node.json:3:36'
node_json "$both" '"map_bytes_total": 5000000'
ends 'the maps of all programs are summed up' 5 node plan
check '... in bytes' said 'node memory: the maps take [0-9]* bytes'
node_json "$both" '"publishers": [ "net" ], "interfaces": { "eth*": [ "net/*" ] }, "licenses": [ "Dual BSD/GPL" ],
  "map_types": [ "array", "prog_array", "lru_hash", "percpu_array" ], "helpers": [ "base" ], "insns_max": 500'
ends 'rules that allow what runs change nothing' 0 node plan --check

# ---- the same, of a bundle ----
quiet bpfseal bundle build --manifest "$SOURCE/bpf/count.json" --object-dir "$BPFSEAL_BPF" --output "$R/count.bundle"
judged() { # RULE POLICY
	node_json '' "$2"
	ends "bundle check: $1 refuses" 5 bpfseal bundle check "$R/count.bundle" --policy "$R/etc/bpfseal/node.json"
	check '... it alone' sh -c "[ \"\$(grep -c '^REFUSED' $R/tap.out)\" = 1 ] && grep -q '^REFUSED *$1 ' $R/tap.out"
	check '... among all rules' [ "$(grep -cE '^(allowed|REFUSED)' "$R/tap.out")" = 12 ]
}
judged programs '"programs": [ "tc" ]'
judged helpers '"helpers": [ "output" ]'
judged 'map types' '"map_types": [ "array" ]'
judged 'map memory' '"map_bytes_max": 1000'
judged 'node memory' '"map_bytes_total": 1000'
judged instructions '"insns_max": 5'
judged license '"licenses": [ "GPL" ]'
judged publishers '"publishers": [ "sec" ]'
judged interfaces '"interfaces": { "eth0": [ "sec" ] }'

# ---- what does not fit ----
ends 'a next map that no path goes through is refused when the bundle is built' 3 \
	bpfseal bundle build --manifest "$R/team/dead.json" --object-dir "$BPFSEAL_BPF" --output "$R/dead.bundle"
check '... because what follows would be dead' said 'would be dead'
node_json "$(uses loop choice invalid bomb)" ''
quiet bpfseal sync
node_json "$(uses ratelimit parts parts parts parts parts parts parts parts count)" ''
quiet bpfseal sync
ends 'a chain of too many jumps is refused by plan' 5 node plan
check '... with the sum' said '1 to enter it + 9 from place to place + 3 by net/parts itself .* = 34'
ends '... and by apply' 5 node apply
check '... and the chain is untouched' untouched
node_json "$(uses loop count)" ''
ends 'nothing stands behind a program that jumps in a loop' 5 node plan
check '... and it is named' said 'net/loop makes tail calls in a loop'
node_json "$(uses choice count)" ''
ends 'a jump that nobody can tell is no reason to refuse' 0 node plan
check '... but it is told that it is not counted' said 'net/choice: not counted'
quiet node apply
ends '... by status too' 0 node status
check '... in place of a number' said 'not counted'
node_json "$both" ''
quiet node apply
running=$(programs)
pins=$(tree)

# ---- the verifier ----
# What an apply takes of the processor's time, the kernel's included: it is not the loader's affair how long others have it.
worked() { sed -sn 2p "$@" | tr 'ms' '  ' | awk '{ n = $1 * 60 + $2 + $3 * 60 + $4 - n } END { print int(n) }'; }
times >"$R/first"
node_json "$(uses ratelimit count count count invalid count)" ''
ends 'a program that the verifier refuses is no harm to the chain' 7 node apply
check '... its last reason is told' said 'outside of the packet'
check '... and the line of its source' said 'return data\[100\]'
log=$R/var/lib/bpfseal-loader/logs/net.invalid.1.0.0.log
check '... and where its log is' said "$log"
check '... which is there' [ -s "$log" ]
check '... and the chain is untouched' untouched
node_json "$(uses ratelimit count count count bomb count)" '"verifier_seconds_max": 1'
times >"$R/before"
ends 'a program on which the verifier works too long is stopped' 7 node apply
times >"$R/after"
check '... and said to be' said 'longer than 1 s'
plain=$(worked "$R/first" "$R/before") took=$(worked "$R/before" "$R/after")
check "... after ${took} s of work, where another refusal takes ${plain} s" [ "$took" -lt $((plain + 6)) ]
check '... and the chain is untouched' untouched
node_json "$both" ''
ends '... and goes on' 0 node plan --check
done_testing
