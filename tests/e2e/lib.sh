# SPDX-License-Identifier: Apache-2.0
# A whole small world in a temporary directory: security team, server, node. Sourced by the demo and the end-to-end
# tests. Everything lives below $R; what stands outside it (processes, a network namespace, a mount) is taken back by
# world_end on every way out.
: "${BPFSEAL_OUT:?run this through make}" "${BPFSEAL_BPF:?run this through make}"
BIN=$BPFSEAL_OUT/bin
PLAYERS=$BPFSEAL_OUT/tests
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
# Programs that have jailed themselves cannot be searched for leaks by a tracer; the unit tests do that.
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"

# Runs a step that is not what the test is about: silent when it works, and the end when it does not.
quiet() { "$@" >>"$R/quiet.log" 2>&1 || { cat "$R/quiet.log"; exit 1; }; }
is_root() { [ "$(id -u)" = 0 ]; }

# Whether the kernel side can be shown here; WHY says what is missing.
can_load() {
	WHY=
	is_root || { WHY='not run as root'; return 1; }
	ip netns list >/dev/null 2>&1 || { WHY='no network namespaces'; return 1; }
	ip netns add "$NS" 2>/dev/null || { WHY='network namespaces cannot be made here'; return 1; }
	mkdir -p "$R/sys/fs/bpf"
	mount -t bpf -o mode=700 bpf "$R/sys/fs/bpf" 2>/dev/null || { WHY='a BPF file system cannot be mounted here'; return 1; }
}

world_begin() {
	R=$(mktemp -d "${TMPDIR:-/tmp}/bpfseal-XXXXXX")
	chmod 755 "$R"
	NS=bpfseal-$(basename "$R" | tr -dc 'A-Za-z0-9' | tail -c 6)
	PIDS=
	trap 'world_end; exit 130' INT TERM HUP
	trap 'world_end' EXIT
	if is_root; then
		"$SOURCE/packaging/setup.sh" --root "$R"
	else
		mkdir -p "$R/etc/bpfseal/trust" "$R/var/lib/bpfseal/store" "$R/var/lib/bpfseal-repod" \
			"$R/var/lib/bpfseal-sign" "$R/var/lib/bpfseal-loader"
		chmod 755 "$R/etc" "$R/etc/bpfseal" "$R/etc/bpfseal/trust"
	fi
	mkdir "$R/team" "$R/team/keys"
}

world_end() {
	trap - EXIT INT TERM HUP
	set +e
	for pid in $PIDS; do kill "$pid" 2>/dev/null; done
	for pid in $PIDS; do wait "$pid" 2>/dev/null; done
	ip netns list 2>/dev/null | grep -q "^$NS\b" && ip netns del "$NS"
	for mounted in sys/fs/bpf var/lib/bpfseal-loader; do mountpoint -q "$R/$mounted" && umount "$R/$mounted"; done
	rm -rf "$R"
}

# The program under test, below $R. `node` is the same inside the node's network namespace (bpffs stays visible).
bpfseal() { "$BIN/bpfseal" "$@" --root "$R"; }
node() {
	if [ -e "/run/netns/$NS" ]; then
		nsenter --net="/run/netns/$NS" "$BIN/bpfseal" "$@" --root "$R"
	else
		bpfseal "$@"
	fi
}

# Passphrases come by descriptor: key NAME is locked with "NAME's own passphrase".
phrase() { echo "$1's own passphrase"; }
with_keys() { # NAME... -- COMMAND...: runs the command with those keys' passphrases on descriptor 3
	lines=
	while [ "$1" != -- ]; do
		lines="$lines$(phrase "$1")
"
		shift
	done
	shift
	"$@" --passphrase-fd 3 3<<PHRASES
$lines
PHRASES
}
KDF=${KDF:---kdf interactive}

make_keys() { # NAME...
	for name in "$@"; do
		# shellcheck disable=SC2086
		with_keys "$name" -- bpfseal key new "$R/team/keys/$name.key" $KDF
	done
}
key() { echo "$R/team/keys/$1.key"; }
pub() { echo "$R/team/keys/$1.key.pub"; }

# Waits until a command holds, for at most a minute: how long that takes is the machine's affair, and of what must not take
# long a test says so itself. The last try's status and output are the answer.
until_so() { # COMMAND...
	for _ in $(seq $((10 * ${WAIT_SECONDS:-60}))); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	"$@"
}
is_over() { ! kill -0 "$1" 2>/dev/null; } # PID

# Waits until a file has a line.
wait_line() {
	until_so [ -s "$1" ] && return 0
	echo "error: nothing came on $1" >&2
	return 1
}

# Something new in the repository, metadata that lives for seconds, and a node that has fetched it: ends when that has expired,
# without a server. Where the machine does not get COMMAND done in the life of a timestamp, once more with a longer one.
expire() { # MANIFEST COMMAND...: what must be done before it expires; not the end of the script when it fails
	published=$1
	shift
	for life in 6 15 40 100; do
		: >"$R/repod.address"
		"$BIN/bpfseal" repod serve --listen "$LISTEN" --ready-fd 9 --timestamp-expires "${life}s" --root "$R" >>"$R/repod.log" 2>&1 9>"$R/repod.address" &
		REPOD=$!
		PIDS="$PIDS $REPOD"
		wait_line "$R/repod.address" || exit 1
		[ -z "$published" ] || quiet release "$published"
		published= in_time=no
		"$@" >>"$R/quiet.log" 2>&1 && in_time=yes
		kill "$REPOD"
		wait "$REPOD" 2>/dev/null
		if [ $in_time = yes ]; then
			sleep $((life + 1))
			return 0
		fi
		echo "# a timestamp of $life s is too short-lived for this machine"
	done
	cat "$R/quiet.log"
	exit 1
}

start_repod() { # sets REPOD (pid) and URL
	: >"$R/repod.address"
	"$BIN/bpfseal" repod serve --listen "${LISTEN:-127.0.0.1:0}" --ready-fd 9 --root "$R" >>"$R/repod.log" 2>&1 9>"$R/repod.address" &
	REPOD=$!
	PIDS="$PIDS $REPOD"
	wait_line "$R/repod.address" || { cat "$R/repod.log" >&2; return 1; }
	URL=http://$(cat "$R/repod.address")
	LISTEN=$(cat "$R/repod.address")
}

start_mirror() { # DIR [MODE]: sets MIRROR
	: >"$R/mirror.address"
	"$PLAYERS/mirror" "$@" >"$R/mirror.address" &
	PIDS="$PIDS $!"
	wait_line "$R/mirror.address"
	MIRROR=http://$(cat "$R/mirror.address")
}

# The ceremony without a word: keys, root, delegation net/*/*, server, first publication. For tests; the demo does the
# same step by step, aloud.
world_team() {
	make_keys root-1 root-2 root-3 targets-1 targets-2 release-1 release-2
	bpfseal repod init
	bpfseal root init --dir "$R/team" --root-key "$(pub root-1)" --root-key "$(pub root-2)" --root-key "$(pub root-3)" \
		--root-threshold 2 --targets-key "$(pub targets-1)" --targets-key "$(pub targets-2)" --targets-threshold 2 \
		--snapshot-key "$R/var/lib/bpfseal-repod/online.pub" --timestamp-key "$R/var/lib/bpfseal-repod/online.pub"
	bpfseal root delegate net --dir "$R/team" --paths 'net/*/*' --key "$(pub release-1)" --key "$(pub release-2)" --threshold 2
	with_keys root-1 root-2 -- bpfseal sign "$R/team/metadata/root.json" --key "$(key root-1)" --key "$(key root-2)"
	with_keys targets-1 targets-2 -- bpfseal sign "$R/team/metadata/targets.json" --key "$(key targets-1)" --key "$(key targets-2)"
	FINGERPRINT=$(bpfseal root show --dir "$R/team" --json | jq -r .fingerprint)
	bpfseal repod pin "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"
	start_repod
	# Who may publish below net/ is the targets keys' word; until it is on the server, no release key is known there.
	with_keys targets-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key targets-1)"
}

# Builds, stages and signs bundles by both release keys, then publishes.
release() { # MANIFEST...
	for manifest in "$@"; do
		bundle=$R/team/$(basename "$manifest" .json).bundle
		bpfseal bundle build --manifest "$manifest" --object-dir "$BPFSEAL_BPF" --output "$bundle"
		bpfseal bundle add "$bundle" --dir "$R/team" --role net
	done
	with_keys release-1 release-2 -- bpfseal sign "$R/team/metadata/net.json" --key "$(key release-1)" --key "$(key release-2)"
	publish
}
publish() { with_keys release-1 -- bpfseal publish --dir "$R/team" --url "$URL" --key "$(key release-1)"; }

pin() { bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"; }

# node.json for the chain allow, ratelimit, count on eth0.
# A node.json of these interfaces only; what it asks for is pulled.
write_interfaces() { # MEMBERS of "interfaces"
	cat >"$R/etc/bpfseal/node.json" <<NODE
{
  "repositories": { "corp": { "url": "$URL" } },
  "interfaces": { $1 },
  "policy": { "helpers": ["base"] }
}
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
	bpfseal sync >>"$R/quiet.log" 2>&1
}
write_node() { # URL COUNT_VERSION
	cat >"$R/etc/bpfseal/node.json" <<NODE
{
  "repositories": { "corp": { "url": "$1" } },
  "interfaces": {
    "eth0": {
      "xdp": [
        { "use": "net/allow", "version": "1.0.0",
          "maps": { "allow_v4": [ { "key": "10.0.0.1", "value": 1 }, { "key": "10.0.0.2", "value": 1 } ] } },
        { "use": "net/ratelimit", "version": "1.0.0",
          "maps": { "rl_config": [ { "key": 0, "value": 2000 } ] } },
        { "use": "net/count", "version": "$2" }
      ]
    }
  },
  "policy": { "programs": ["xdp"], "helpers": ["base"] }
}
NODE
	chmod 644 "$R/etc/bpfseal/node.json"
}

# A veth pair in the node's namespace: eth0 is the node's interface, wire0 the cable's other end.
world_wire() {
	ip -n "$NS" link set lo up && wire eth0 wire0
}
# One interface and what is at its other end, both up.
wire() { # IFACE [PEER]
	ip -n "$NS" link add "$1" type veth peer name "${2:-wire-$1}" &&
		ip -n "$NS" link set "$1" up && ip -n "$NS" link set "${2:-wire-$1}" up
}
# Whether `status` has a finding of that code.
finding() { node status --json | jq -e --arg code "$1" 'any(.findings[]; .code == $code)' >/dev/null; }
packets() { nsenter --net="/run/netns/$NS" "$PLAYERS/packets" "$@"; }
# Packets for as long as something takes.
stream_begin() { # IFACE RATE
	nsenter --net="/run/netns/$NS" "$PLAYERS/packets" send "$1" --count 1000000000 --rate "$2" --src 10.0.0.1 >"$R/streamed" &
	STREAM=$!
	PIDS="$PIDS $STREAM"
}
stream_end() { # sets STREAMED, how many were sent; fails where it had ended before
	kill -TERM $STREAM && wait $STREAM
	STREAMED=$(cat "$R/streamed")
	[ -n "$STREAMED" ]
}

# One number out of a counter map: counter PROGRAM MAP KEY [FIELD].
counter() {
	node map get "$1" "$2" --interface eth0 --json |
		jq --arg key "$3" "[.entries[] | select((.key|tostring) == \$key) | .value${4:+.$4}] | add // 0"
}
# Waits until the chain's counter is above a number: packets flow.
counts_past() { # NUMBER
	is_past() { [ "$(counter net/count counts 17 packets)" -gt "$1" ]; }
	until_so is_past "$1" && return 0
	echo "error: no packet was counted after the first $1" >&2
	return 1
}

# Whether the kernel's chain is whole, whatever node.json asks for or the repository signs by now.
chain_runs() {
	node status --json | jq -e '(.chains | length) == 1 and all(.chains[]; .link.attached and all(.members[]; .state == "running"))
		and all(.findings[]; .code == "drift_from_config" or .code == "no_longer_signed")' >/dev/null
}
