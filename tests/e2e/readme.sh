#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# README.md shows what the demo printed, between two marks.
#   readme.sh check DEMO_OUTPUT README     exit 1 with a diff where they differ in more than numbers and spacing
#   readme.sh write DEMO_OUTPUT README     puts today's output there
set -eu
begin='<!-- recorded by tests/e2e/demo_test.sh: make readme -->'
end='<!-- end of the recording -->'
excerpt() { sed -n '/^== 5\./,/^== 7\./p' "$1" | sed '/^== 7\./d' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }
recorded() { awk -v begin="$begin" -v end="$end" '$0 == end { exit } on && $0 != "```" { print } $0 == begin { on = 1 }' "$1"; }
# Program ids, digests, times and the column widths that follow from them differ from run to run.
plain() { sed -E 's/\b[0-9a-f]{16,64}\b/HEX/g; s/[0-9]+/N/g; s/ +/ /g'; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
excerpt "$2" >"$work/now"
[ -s "$work/now" ] || { echo "no steps 5 and 6 in $2" >&2; exit 1; }
case $1 in
check)
	plain <"$work/now" >"$work/now.plain"
	recorded "$3" | plain >"$work/then.plain"
	diff -u "$work/then.plain" "$work/now.plain"
	;;
write)
	awk -v begin="$begin" -v end="$end" -v file="$work/now" '
		$0 == begin { print; print "```"; while ((getline line < file) > 0) print line; print "```"; skip = 1 }
		$0 == end { skip = 0 }
		!skip { print }' "$3" >"$work/README"
	cat "$work/README" >"$3"
	;;
esac
