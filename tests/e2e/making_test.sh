#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program's way from `bundle new` to a chain with packets in it, and what is refused on that way.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
# The author has a make of his own, not a child of the one that runs the tests: that one would have things to say.
unset MAKEFLAGS MFLAGS MAKELEVEL
world_begin
W=$R/work
mkdir "$W"
cd "$W" || exit 1
team() { "$BIN/bpfseal" "$@"; }
nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }

# ---- new, make, test, bundle ----
for kind in xdp:wrap:drop-a xdp:chain:drop.b tc:wrap:drop_c tc:chain:drop-d; do
	hook=${kind%%:*} name=${kind##*:} linkage=${kind#*:}
	linkage=${linkage%:*}
	ends "bundle new $hook, $linkage" 0 team bundle new "$hook" "$name" --linkage "$linkage"
	ends '... compiles without a word of warning' 0 make -s -C "$name"
	check '... really without' [ ! -s "$R/tap.out" ]
	ends '... and passes its own test, or says why not' 0 make -s -C "$name" test
	check '... and does not skip where it can run' sh -c "grep -q 'all as it has to be' $R/tap.out || [ \$(id -u) != 0 ]"
	ends '... and is packed' 0 make -s -C "$name" bundle BPFSEAL="$BIN/bpfseal"
	check '... the very object that was tested' [ "$(sha256sum <"$name/$name.bpf.o" | cut -d' ' -f1)" = \
		"$(team bundle inspect "$name/$name.bundle" --json | jq -r '.manifest.files[0].sha256')" ]
	check '... with its origin' sh -c "$BIN/bpfseal bundle inspect $name/$name.bundle --json |
		jq -e '.manifest | (.compiler | test(\"clang\")) and (.source_sha256 | length == 64)'"
done
check 'the digest of the sources can be made by anybody' [ "$(cd drop-a && LC_ALL=C sha256sum bpfseal/packet.h drop-a.bpf.c | sha256sum | cut -d' ' -f1)" = \
	"$(team bundle inspect drop-a/drop-a.bundle --json | jq -r .manifest.source_sha256)" ]

# ---- what a first program gets wrong ----
cat >"$R/first.c" <<'PROGRAM'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");
SEC("xdp")
int first_program(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);

	if (count)
		*count += 1;
#ifdef TALK
	bpf_printk("here");
#endif
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "Dual BSD/GPL";
PROGRAM
first() { # SOURCE-OR-OBJECT ENTRY: the manifest
	printf '{ "publisher": "net", "name": "first", "version": "1.0.0", "license": "GPL", "programs": [ { %s, "entry": "%s", "hook": "xdp" } ] }\n' "$1" "$2" >"$R/first.json"
}
first '"source": "first.c"' first_progam
ends 'a function that is not there is refused' 3 bpfseal bundle build --manifest "$R/first.json" --output "$R/first.bundle"
check '... with the one that is' said 'fix: did you mean "first_program"?'
{ echo '#define TALK'; cat "$R/first.c"; } >"$R/talks.c"
first '"source": "talks.c"' first_program
ends 'bpf_printk is refused' 5 bpfseal bundle build --manifest "$R/first.json" --output "$R/first.bundle"
check '... with what to do instead' said 'fix: take bpf_printk() out of what is released'
quiet clang -O2 -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$R/first.c" -o "$R/first.o"
first '"object": "first.o"' first_program
ends 'so is an object without types' 3 bpfseal bundle build --manifest "$R/first.json" --output "$R/first.bundle" --object-dir "$R"
check '... with the option that makes them' said 'fix: compile it with clang -O2 -g'

# ---- nothing is overwritten ----
echo mine >drop-a/drop-a.json.mine
cp drop-a/drop-a.bpf.c "$R/before.c"
echo '// changed' >>drop-a/drop-a.bpf.c
ends 'a program that exists is not written again' 2 team bundle new xdp drop-a
check '... and told' said 'drop-a.bpf.c exists already and is not overwritten'
check '... and as its author left it' sh -c "tail -1 drop-a/drop-a.bpf.c | grep -q changed"
cp "$R/before.c" drop-a/drop-a.bpf.c
mkdir half && echo mine >half/Makefile
ends 'nor is half a set written' 2 team bundle new tc half
check '... not one file' [ "$(ls half)" = Makefile ]
ends 'a hook that is none' 2 team bundle new kprobe x
ends 'a name that is none' 2 team bundle new xdp ../x
ends 'a directory by another name' 0 team bundle new xdp inner --dir some/where
check '... is made' [ -s some/where/inner.bpf.c ]

# ---- build ----
mkdir -p "$R/other place"
cp -r drop-a "$R/other place/copy"
rm "$R/other place/copy/drop-a.bundle"
quiet team bundle build --manifest "$R/other place/copy/drop-a.json" --output "$R/copy.bundle"
check 'the same bytes from another directory' cmp drop-a/drop-a.bundle "$R/copy.bundle"
check 'a source that is not there is told' sh -c "cd some/where && rm inner.bpf.c; ! $BIN/bpfseal bundle build --manifest inner.json --output o 2>$R/err; grep -q 'inner.bpf.c does not compile' $R/err"
cp -r drop-a broken
echo 'int x = ;' >>broken/drop-a.bpf.c
ends 'what does not compile is not packed' 1 team bundle build --manifest broken/drop-a.json --output broken.bundle
check "... the compiler's own words" said "drop-a.bpf.c:.*error: expected expression"
check '... and no file' [ ! -e broken.bundle ]
sed -e 's/^int drop_a_xdp.*/&/' -e 's/	packet = packet_read(ctx);/	bpf_printk("seen");\n&/' "$R/before.c" >broken/drop-a.bpf.c
ends 'what no node would take is not packed' 5 team bundle build --manifest broken/drop-a.json --output broken.bundle
check '... by the name of the helper' said trace_printk

# ---- check ----
ends 'bundle check without the kernel' 0 team bundle check drop-a/drop-a.bundle --no-load
check '... says that it was not run' said 'not run: --no-load'
cat >node.json <<'NODE'
{ "repositories": { "corp": { "url": "https://corp.example" } },
  "interfaces": { "eth0": { "xdp": [
    { "use": "net/drop-a", "version": "*", "maps": { "drop_a_config": [ { "key": 0, "value": { "drop_protocol": 17 } } ] } } ] } } }
NODE
printf '%s\n' '# one UDP packet, one TCP' \
	'020000000001020000000002080045000024123440004011a491c0000201c00002029c4000350010df540000000000000000' \
	'020000000001020000000002080045000028123440004006a498c0000201c00002029c40005000000001000000005002faf0945c0000' >packets.hex
ends 'a file that holds no packets' 3 team bundle check drop-a/drop-a.bundle --packet node.json
ends '--load and --no-load' 2 team bundle check drop-a/drop-a.bundle --load --no-load
# ---- a payload of l3afd ----
payload=$SOURCE/tests/unit/bpf/l3af.json
ends 'a payload becomes a node.json' 0 team config import-l3af "$payload" --url https://corp.example --output imported.json
check '... with a warning about each thing that is lost' [ "$(grep -c '^warning: .*l3af.json:[0-9]*:[0-9]*: ' "$R/tap.out")" = 23 ]
ends '... which config check takes' 0 team config check imported.json
ends '... and never over a file that is there' 2 team config import-l3af "$payload" --output imported.json
check 'without --output it goes to stdout, alone' sh -c "$BIN/bpfseal config import-l3af $payload --url https://corp.example 2>$R/warnings | cmp - imported.json && [ -s $R/warnings ]"
check '... or into one document' sh -c "$BIN/bpfseal config import-l3af $payload --json 2>/dev/null | jq -e '.schema == \"bpfseal.import/1\" and (.warnings | length) > 20 and .node.interfaces.ens3'"
echo '{"hostname":"a","version":"2"}' >restart.json
ends 'what is no configuration is refused' 5 team config import-l3af restart.json
check '... with its place' said 'restart.json:1:2'

cp drop-a/drop-a.bundle node.json "$R/" && chmod 644 "$R"/*.bundle "$R/node.json"
if is_root; then
	ends 'without the privilege it is said, and no failure' 0 nobody "$BIN/bpfseal" bundle check "$R/drop-a.bundle"
	check '... aloud' said 'not run: this process has no cap_net_admin'
	check '... in the document too' sh -c "setpriv --reuid=nobody --regid=nogroup --clear-groups $BIN/bpfseal bundle check $R/drop-a.bundle --json |
		jq -e '.ok and (.trial.ran == false) and (.trial.why | test(\"cap_\"))'"
	ends 'unless it has to be run' 7 nobody "$BIN/bpfseal" bundle check "$R/drop-a.bundle" --load
fi
if ! is_root || ! can_load; then
	echo "SKIPPED: nothing is loaded: ${WHY:-not run as root}"
	ok "the kernel's half # SKIP ${WHY:-not run as root}"
	done_testing
	exit 0
fi
for name in drop-a drop.b drop_c drop-d; do
	ends "$name is tried in this kernel" 0 team bundle check "$name/$name.bundle" --load
	check '... and lets an ARP packet go on' sh -c "grep -q '^ARP request .* yes ' $R/tap.out"
done
team bundle check drop-a/drop-a.bundle --policy node.json --packet packets.hex --json >trial.json
check 'the values of node.json, packets of our own, verdicts' jq -e '.ok and .trial.ran and (.trial.programs[0].packets |
	length == 2 and .[0].verdict == "XDP_DROP" and .[0].goes_on == false and .[1].verdict == "XDP_PASS" and .[1].goes_on)' trial.json
check 'a packet in digits' sh -c "$BIN/bpfseal bundle check drop-a/drop-a.bundle --packet hex:$(sed -n 2p packets.hex) --json | jq -e '.trial.programs[0].packets | length == 1 and .[0].packet == \"hex:1\"'"
check '... and nanoseconds' jq -e '.trial.programs[0] | .empty_ns > 0 and (.packets | all(.ns > 0 and .chained_ns > 0))' trial.json
sed 's/	packet = packet_read(ctx);/&\n	packet.protocol = *(__u8 *)(long)ctx->data;/' "$R/before.c" >broken/drop-a.bpf.c
quiet team bundle build --manifest broken/drop-a.json --output broken.bundle
ends 'what the verifier refuses is refused' 7 team bundle check broken.bundle --log verifier.log
check '... with its reason' said 'verifier refuses net.drop-a.0.1.0: .*outside of the packet'
# Kernels before 6.9 do not name the file in their log.
place=
grep -q ' @ drop-a.bpf.c:[0-9]' verifier.log && place='drop-a.bpf.c:[0-9][0-9]*: '
check '... the line of the source' said "where: ${place}packet.protocol = "
check '... and where the whole log is' said 'the whole log is verifier.log'
check '... and its whole log' grep -q 'processed .* insns' verifier.log
# The kernel lets go a little after the last descriptor is closed.
check 'nothing of all that is left in the kernel' sh -c "for _ in \$(seq 600); do
	bpftool prog show | grep -q 'name drop_a_xdp' || exit 0
	sleep 0.1
done; exit 1"

# ---- what a kernel has loaded is in the manifest ----
ends 'a build that is tested' 0 team bundle build --manifest drop-a/drop-a.json --output tested.bundle --test
check '... says by which kernel' [ "$(team bundle inspect tested.bundle --json | jq -r '.manifest.tested[] | .kernel + .machine')" = "$(uname -r)$(uname -m)" ]
check '... and is the same otherwise' [ "$(team bundle inspect tested.bundle --json | jq -cS '.manifest | del(.tested)')" = "$(team bundle inspect drop-a/drop-a.bundle --json | jq -cS .manifest)" ]
ends 'one that the verifier refuses' 7 team bundle build --manifest broken/drop-a.json --output refused.bundle --test
check '... is not written' [ ! -e refused.bundle ]
chmod 777 "$R" "$W"
ends 'and one that cannot be tested' 7 nobody "$BIN/bpfseal" bundle build --manifest drop-a/drop-a.json --output untested.bundle --test
check '... neither' [ ! -e untested.bundle ]
chmod 755 "$R" "$W"

# ---- published, pulled, in a chain ----
world_wire
quiet world_team
cp tested.bundle drop-a/drop-a.bundle
for name in drop-a drop.b drop_c drop-d; do
	quiet bpfseal bundle add "$W/$name/$name.bundle" --dir "$R/team" --role net
done
with_keys release-1 release-2 -- quiet bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
quiet publish
quiet pin
cat >"$R/etc/bpfseal/node.json" <<NODE
{ "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { "eth0": {
    "xdp": [
      { "use": "net/drop-a", "version": "*", "maps": { "drop_a_config": [ { "key": 0, "value": { "drop_protocol": 17 } } ] } },
      { "use": "net/drop.b", "version": "*", "maps": { "drop_b_config": [ { "key": 0, "value": { "drop_protocol": 6 } } ] } } ],
    "tc_ingress": [
      { "use": "net/drop_c", "version": "*", "maps": { "drop_c_config": [ { "key": 0, "value": { "drop_protocol": 1 } } ] } },
      { "use": "net/drop-d", "version": "*" } ] } } }
NODE
chmod 644 "$R/etc/bpfseal/node.json"
ends 'all four are pulled' 0 bpfseal sync
ends 'and applied' 0 node apply
quiet packets send wire0 --src 10.0.0.1 --count 100 --proto udp
quiet packets send wire0 --src 10.0.0.1 --count 50 --proto tcp
quiet packets send wire0 --src 10.0.0.1 --count 20 --proto icmp
seen() { # HOOK USE MAP FIELD: the sum over all processors
	node map get "$2" "$3" --interface eth0 --hook "$1" --json | jq "[.entries[].value.$4] | add"
}
check 'the first drops its protocol' [ "$(seen xdp net/drop-a drop_a_count dropped)" = 100 ]
check 'the second, which jumps by itself, drops what the first let go on' [ "$(seen xdp net/drop.b drop_b_count dropped)" = 50 ]
check 'the third, on TC, drops what is left' [ "$(seen tc_ingress net/drop_c drop_c_count dropped)" = 20 ]
check 'the last sees none of them' [ "$(seen tc_ingress net/drop-d drop_d_count dropped)" = 0 ]
check 'and what it sees is what the one before it let go on' [ "$(seen tc_ingress net/drop-d drop_d_count passed)" -le "$(seen tc_ingress net/drop_c drop_c_count passed)" ]
check 'the chain is whole' sh -c "[ \"\$(nsenter --net=/run/netns/$NS $BIN/bpfseal status --json --root $R | jq '.findings | length')\" = 0 ]"
done_testing
