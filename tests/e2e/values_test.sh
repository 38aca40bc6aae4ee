#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Values of a running chain, by the real programs as their own users: changed in node.json without a load, set by hand,
# shown, and told to Prometheus.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
kernel_world
world_wire

quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/count.json" "$SOURCE/tests/kernel/knobs.json"
quiet pin

NODE=$R/etc/bpfseal/node.json
# node.json with these addresses allowed, and this as the rest of the knobs.
configure() { # ADDRESSES KNOBS
	jq -n --arg url "$URL" --argjson allowed "$1" --argjson knobs "$2" '{
		repositories: { corp: { url: $url } },
		interfaces: { eth0: {
			xdp: [ { use: "net/allow", version: "1.0.0", maps: { allow_v4: [ $allowed[] | { key: ., value: 1 } ] } },
			       { use: "net/count", version: "1.0.0" },
			       ({ use: "net/knobs", version: "1.0.0" } + $knobs) ],
			tc_ingress: [ { use: "net/knobs", version: "1.0.0" } ] } },
		policy: { helpers: [ "base" ] } }' >"$NODE"
	chmod 644 "$NODE"
}
programs() { node status --json | jq -c '[.chains[] | .generation, (.members[] | .program_id)]'; }
unchanged() { [ "$(programs)" = "$1" ] || { echo "it was $1, it is $(programs)"; return 1; }; }
planned() { node plan --json | jq -r --arg hook "${1:-xdp}" '.chains[] | select(.hook == $hook) | .action'; }
plans() { [ "$(planned)" = "$1" ] || { echo "it is $(planned)"; return 1; }; }
value() { node map get "$@" --json | jq -c '[.entries[].value] | add // 0'; }
is_value() { want=$1; shift; got=$(value "$@"); [ "$got" = "$want" ] || { echo "it is $got, not $want"; return 1; }; }
# Ten packets of an address, and which counter they end in.
grows() { # ADDRESS PROGRAM MAP KEY [FIELD]
	address=$1
	shift
	old=$(counter "$@") && packets send wire0 --src "$address" --count 10 >/dev/null && [ "$(counter "$@")" = $((old + 10)) ]
}
is_dropped() { grows "$1" net/allow allow_drops 0; }
is_let_in() { grows "$1" net/count counts 17 packets; }

# ---- node.json ----
configure '["10.0.0.1"]' '{ "globals": { "limti": 1 } }'
quiet bpfseal sync
ends 'a global that is not there is refused' 5 node apply
check '... with its line and column' said 'node.json:3[0-9]:1[0-9]'
check '... and the nearest name' said 'did you mean "limit"'
configure '["10.0.0"]' '{}'
ends 'a value that does not fit is refused' 5 node apply
check '... with its line and column' said 'node.json:1[0-9]:1[0-9]'
check '... and nothing is in the kernel' sh -c "[ -z \"\$(ls $R/sys/fs/bpf/bpfseal)\" ]"
configure '["10.0.0.1"]' '{ "globals": { "limit": 7, "gateway": "10.0.0.254" }, "maps": { "tuned": [ { "key": 0, "value": 3 } ] } }'
check 'values and globals are applied' node apply
check 'a constant is what node.json says' is_value 7 net/knobs .rodata limit --hook xdp
check 'an address reads as it was written' is_value '"10.0.0.254"' net/knobs .rodata gateway --hook xdp
check 'what is listed comes in' is_let_in 10.0.0.1
check '... and another address does not' is_dropped 10.0.0.2
before=$(programs)
configure '["10.0.0.2"]' '{ "globals": { "limit": 7, "gateway": "10.0.0.254", "level": 9 }, "maps": { "tuned": [ { "key": 0, "value": 4 } ] } }'
ends 'other values are a plan' 8 node plan --check
check '... of values alone' plans values
ends '... which says each' 0 node plan
check '... what goes' said 'allow_v4\[10.0.0.1\] 1 -> (none)'
check '... what comes' said 'allow_v4\[10.0.0.2\] (none) -> 1'
check '... and globals' said 'level 5 -> 9'
ends '... is applied' 0 node apply
check '... says that nothing was loaded' said '4 values written, nothing loaded'
check 'packets see the new values' is_let_in 10.0.0.2
check '... at once' is_dropped 10.0.0.1
check 'generations and programs are the same' unchanged "$before"
check 'and nothing is left to do' plans keep
configure '["10.0.0.2"]' '{ "globals": { "limit": 8, "gateway": "10.0.0.254", "level": 9 }, "maps": { "tuned": [ { "key": 0, "value": 4 } ] } }'
check 'a constant is a change' plans change
ends '... that says from what to what' 0 node plan
check '... limit' said 'limit 7 -> 8'
quiet node apply
check '... and is applied' is_value 8 net/knobs .rodata limit --hook xdp
check 'while its counters went on' [ "$(counter net/count counts 17 packets)" = 20 ]

# ---- by hand ----
ends 'where a program runs twice, which is asked for' 5 node map get net/knobs tuned
check '... with the choices' said 'xdp on eth0, place 3'
ends 'a value is set by hand' 0 node map set net/allow allow_v4 10.0.0.3 1
check '... with a word about what lasts' said 'write it there too, or the next .bpfseal apply. takes it back'
check '... and holds' is_let_in 10.0.0.3
check '... and is in the audit log' sh -c "tail -1 $R/var/lib/bpfseal-loader/audit.log | grep 'map set' | grep -q 10.0.0.3"
ends 'what node.json says can be set, too' 0 node map set net/knobs tuned 0 200 --hook xdp
check '... with a word about node.json' said 'puts back what it says'
check 'plan shows what was set by hand' plans values
quiet node apply
check '... and apply takes it back' is_dropped 10.0.0.3
check '... to what node.json says' is_value 4 net/knobs tuned 0 --hook xdp
ends 'an entry is taken away by hand' 0 node map delete net/allow allow_v4 10.0.0.2
check '... and is gone' is_dropped 10.0.0.2
sed 's/"tuned":/"learned": [ { "key": 5, "value": 3 } ], "tuned":/' "$NODE" >"$R/node.learned"
cat "$R/node.learned" >"$NODE"
quiet node apply
ends "what is a program's own is set by force" 0 node map set net/knobs learned 5 9 --hook xdp --force
check '... and said to stay' said 'writes that again only when it is changed there'
ends '... which it does' 0 node apply
check '... as it was set' [ "$(node map get net/knobs learned 5 --hook xdp --json | jq -c '.entries[0].value')" = 9 ]
ends 'a counter is not set' 5 node map set net/allow allow_drops 0 0
check '... but says how' said 'fix: --force writes it all the same'
check '... and is, by force' node map set net/allow allow_drops 0 0 --force
check '... on all CPUs' is_value 0 net/allow allow_drops
ends 'a prefix with bits behind it is told' 5 node map set net/knobs nets 10.1.0.0/8 5 --hook xdp
check '... with what was meant' said 'did you mean "10.0.0.0/8"'
quiet node map set net/knobs nets 10.0.0.0/8 5 --hook xdp
ends 'of a trie the prefix that decides is shown' 0 node map get net/knobs nets 10.9.9.9 --hook xdp
check '... as a prefix' said '10.0.0.0/8'
ends 'a constant is not set by hand' 5 node map set net/knobs .rodata limit 5 --hook xdp
ends 'a variable is' 0 node map set net/knobs .data level 77 --hook xdp
check '... at once' is_value 77 net/knobs .data level --hook xdp
quiet node apply
check '... until the next apply' is_value 9 net/knobs .data level --hook xdp
check 'each CPU can be listed' sh -c "$(command -v jq) -e '.entries[0].per_cpu | length >= 1' <<J
$(node map get net/allow allow_drops --per-cpu --json)
J"
node map get net/allow allow_drops 0 --per-cpu --json | jq -c '.entries[0].per_cpu' >"$R/each"
ends 'what each CPU has goes back as it came' 0 node map set --force --per-cpu net/allow allow_drops 0 "$(cat "$R/each")"
check '... unchanged' sh -c "[ '$(cat "$R/each")' = '$(node map get net/allow allow_drops 0 --per-cpu --json | jq -c '.entries[0].per_cpu')' ]"
ends '... each its own' 0 node map set --force --per-cpu net/allow allow_drops 0 "$(jq -c 'to_entries | map(.key + 7)' "$R/each")"
check '... is what is listed' sh -c "[ '$(jq -c 'to_entries | map(.key + 7)' "$R/each")' = '$(node map get net/allow allow_drops 0 --per-cpu --json | jq -c '.entries[0].per_cpu')' ]"
ends 'a list of another length is refused' 5 node map set --force --per-cpu net/allow allow_drops 0 '[]'
check '... with the length' said 'a list of [0-9]*, as this machine has'
ends 'so is a list where there is one value' 5 node map set --per-cpu net/knobs tuned 0 '[1]' --hook xdp
ends 'one CPU and each' 2 node map set --force --per-cpu --cpu 0 net/allow allow_drops 0 '[1]'
ends 'a number below zero is a word' 5 node map set net/knobs tuned 0 -1 --hook xdp
check '... and judged as one' said '\-1 does not fit __u32 (0 to 4294967295)'
ends 'what begins as JSON is meant as JSON' 2 node map set net/knobs flows '{"src": "10.0.0.1" "port": 1}' 1 --hook xdp
check '... and its mistake told' said "expected near '\"port\"'"

# ---- metrics ----
asked() { printf "$1" | node metrics --http >"$R/answer" 2>"$R/tap.out"; }
check 'a request is answered' asked 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'
check '... in the form of HTTP' sh -c "head -1 '$R/answer' | grep -q '^HTTP/1.1 200 OK' && [ \$(sed '1,/^\r\$/d' '$R/answer' | wc -c) = \$(sed -n 's/^Content-Length: \([0-9]*\)\r\$/\1/p' '$R/answer') ]"
check '... with what is told without' sh -c "[ \"\$(sed '1,/^\r\$/d' '$R/answer' | grep -c '^bpfseal_')\" = \"\$(nsenter --net=/run/netns/$NS '$BIN/bpfseal' metrics --root '$R' | grep -c '^bpfseal_')\" ]"
check 'another path is none' sh -c "printf 'GET /etc/passwd HTTP/1.1\r\n\r\n' | '$BIN/bpfseal' metrics --http --root '$R' | head -1 | grep -q '^HTTP/1.1 404 '"
check 'another name is not ours' sh -c "printf 'GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n' | '$BIN/bpfseal' metrics --http --root '$R' | head -1 | grep -q '^HTTP/1.1 421 '"
check 'one who goes away ends it' sh -c "! printf 'GET /met' | '$BIN/bpfseal' metrics --http --root '$R' 2>'$R/tap.out'"
check '... and is told' said 'the client closed the connection'
powers_of_asked() { # what it holds while it waits for the request
	mkfifo "$R/request"
	# The request comes when it has been looked at.
	{ until_so [ -e "$R/looked" ]; printf 'GET /metrics HTTP/1.1\r\n\r\n'; } >"$R/request" &
	node metrics --http <"$R/request" >"$R/answer" 2>"$R/tap.out" &
	asked=$!
	for _ in $(seq 300); do
		sleep 0.1
		for pid in $(pgrep -f "metrics --http --root $R"); do
			awk '/^Cap(Prm|Eff)/ { print $2 }' "/proc/$pid/status" 2>/dev/null
		done | sort -u >"$R/powers"
		[ "$(cat "$R/powers")" = 0000000000000000 ] && break
	done
	: >"$R/looked"
	wait $asked && [ "$(cat "$R/powers")" = 0000000000000000 ] && head -1 "$R/answer" | grep -q '200 OK'
}
check 'who reads a request has no capability' powers_of_asked
ends 'a port and a file' 2 node metrics --http --output "$R/x"
packets send wire0 --src 10.0.0.2 --count 5 >/dev/null
node metrics >"$R/metrics"
check 'counters of the specification are metrics' grep -q '^bpfseal_map_count_total{interface="eth0",hook="xdp",use="net/count",map="counts",key="17",field="packets",unit="packets and bytes"} [0-9]' "$R/metrics"
check '... those in variables, too' grep -q '^bpfseal_map_count_total{.*map=".bss",key="packets",unit="packets"} [0-9]' "$R/metrics"
check '... a shared one once' sh -c "[ \$(grep -c 'map=\"together\",key=\"0\"' $R/metrics) = 1 ]"
check 'the chains tell of themselves' grep -q '^bpfseal_chain_programs{interface="eth0",hook="xdp"} 3$' "$R/metrics"
check 'a file is written for the node exporter' node metrics --output "$R/var/lib/bpfseal-metrics/bpfseal.prom"
check '... that everybody can read' sh -c "[ \$(stat -c %a $R/var/lib/bpfseal-metrics/bpfseal.prom) = 644 ]"
check '... with the same families' sh -c "grep '^# TYPE' $R/metrics >$R/types && grep '^# TYPE' $R/var/lib/bpfseal-metrics/bpfseal.prom | cmp - $R/types"
ends 'elsewhere it cannot be written' 1 node metrics --output "$R/etc/bpfseal/metrics.prom"
if command -v promtool >/dev/null; then
	check 'promtool finds nothing wrong' sh -c "promtool check metrics <$R/metrics"
fi

# ---- anew ----
cat "$R/node.learned" >"$NODE"
ends 'a map that nothing is like' 5 node map get net/count zzzzzzzzzz --interface eth0
check '... is answered with those that are' said 'fix: there is counts'
ends 'what is unloaded' 0 node unload
check '... and still asked for is said to return' said 'note: where node.json asks for it, a running watch or the next'
ends 'where nothing runs, plan tells which maps get values' 0 node plan
check '... a config map' said 'tuned: from node.json'
check "... a program's own" said 'learned: from node.json'
check '... and which none' said 'hits: new'

# ---- what has no entries ----
cat >"$R/waits.c" <<'SOURCE'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} waiting SEC(".maps");
SEC("xdp")
int waits(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data;

	bpf_map_push_elem(&waiting, &len, BPF_ANY);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "Dual BSD/GPL";
SOURCE
echo '{ "publisher": "net", "name": "waits", "version": "1.0.0", "license": "GPL-2.0-only OR BSD-2-Clause",
  "programs": [ { "source": "waits.c", "entry": "waits", "hook": "xdp" } ] }' >"$R/waits.json"
quiet bpfseal bundle build --manifest "$R/waits.json" --output "$R/waits.bundle"
quiet bpfseal bundle add "$R/waits.bundle" --dir "$R/team" --role net
quiet with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
quiet publish
write_interfaces '"eth0": { "xdp": [ { "use": "net/waits", "version": "1.0.0" } ] }'
quiet node apply
ends 'a queue is not listed' 5 node map get net/waits waiting
check '... and the reason is not an errno' said 'error: map waiting is a queue, which has no entries to list'
done_testing
