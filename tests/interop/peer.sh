# SPDX-License-Identifier: Apache-2.0
# The peer: an independent TUF client and canonical JSON writer, of exactly the bytes that package-lock.json names,
# installed below the build directory. Sourced after lib.sh.
INTEROP=$SOURCE/tests/interop
PEER=$(dirname "$BPFSEAL_OUT")/interop/$(sha256sum "$INTEROP/package-lock.json" | cut -c1-16)
# Where node.sh puts a Node.js of its own.
NODE_HOME=$(dirname "$BPFSEAL_OUT")/interop/node
NODEJS=

# Sets NODEJS to one that is new enough for the peer: the machine's, or the one that node.sh brought. WHY says what lacks.
find_node() {
	WHY='no Node.js'
	# `node` is one of lib.sh's functions: the program by its path.
	for one in "$(sh -c 'command -v node')" "$NODE_HOME"/node_modules/node-linux-*/bin/node; do
		[ -x "$one" ] || continue
		WHY="Node.js $("$one" --version) is older than v20.17"
		NODEJS=$one
		"$one" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 17) ? 0 : 1)' && return 0
	done
	return 1
}

# Installs it unless it is there. Without Node.js or a registry WHY says so; a package with other bytes than the named
# ones is no reason to skip anything: the script ends.
has_peer() {
	find_node || return 1
	WHY='no npm'
	command -v npm >/dev/null || return 1
	[ ! -d "$PEER/node_modules" ] || return 0
	new=$PEER.$$
	mkdir -p "$new"
	cp "$INTEROP/package.json" "$INTEROP/package-lock.json" "$new"
	if (cd "$new" && npm ci --cache "$new/cache" --ignore-scripts --no-audit --no-fund --no-update-notifier \
		--fetch-retries 1 --fetch-timeout 30000) >"$PEER.log" 2>&1; then
		rm -rf "$new/cache"
		mv -T "$new" "$PEER" 2>/dev/null || rm -rf "$new"
		return 0
	fi
	rm -rf "$new"
	if grep -q EINTEGRITY "$PEER.log"; then
		echo 'not ok 1 - the packages are those that package-lock.json names'
		sed 's/^/# /' "$PEER.log"
		echo '1..1'
		exit 1
	fi
	WHY='the packages in tests/interop/package.json cannot be installed'
	return 1
}
# Runs a script of ours that uses it.
peer_node() { NODE_PATH=$PEER/node_modules "$NODEJS" "$@"; }
