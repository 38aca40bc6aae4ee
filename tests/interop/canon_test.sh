#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our canonical JSON against an independent writer's, byte by byte; and the few places where both differ, on purpose.
set -u
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/peer.sh"
has_peer || skip_all "$WHY"
R=$(mktemp -d "${TMPDIR:-/tmp}/bpfseal-XXXXXX")
trap 'rm -rf "$R"' EXIT
CANON=$PLAYERS/interop/canon
COUNT=120000

check "$COUNT documents are made" sh -c "'$CANON' generate $COUNT >'$R/documents' 2>'$R/met'"
both() { # FILE: FILE.ours and FILE.theirs
	"$CANON" write <"$1" >"$1.ours" && peer_node "$INTEROP/canon.js" <"$1" >"$1.theirs"
}
check 'both writers read them' both "$R/documents"
check 'and write the same bytes' cmp "$R/documents.ours" "$R/documents.theirs"
check 'and refuse none' sh -c "! grep -aq '^refused [A-Za-z]*$' '$R/documents.ours'"
check 'they held escapes, controls, quotes, depth, many members, keys from all of Unicode' \
	awk '$2 < 100 { bad = 1; print } END { exit bad || NR != 8 }' "$R/met"

# What stands in no document above, since both differ there. OURS and THEIRS are what each writes; all three are formats
# of printf.
frame() {
	# shellcheck disable=SC2059
	printf "$1" >"$R/bytes"
	wc -c <"$R/bytes"
	cat "$R/bytes"
	echo
}
expected() {
	case $1 in
	refused*) echo "$1" ;;
	*) frame "$1" ;;
	esac
}
differ() { # SENTENCE DOCUMENT OURS THEIRS
	frame "$2" >"$R/one"
	both "$R/one"
	expected "$3" >"$R/one.ours.want"
	expected "$4" >"$R/one.theirs.want"
	check "$1" sh -c "cmp '$R/one.ours' '$R/one.ours.want' && cmp '$R/one.theirs' '$R/one.theirs.want'"
}
replacement='\357\277\275' face='\360\237\230\200'
differ 'keys are sorted by code point; the other sorts by UTF-16 unit' \
	"{\"$face\":1,\"$replacement\":2}" "{\"$replacement\":2,\"$face\":1}" "{\"$face\":1,\"$replacement\":2}"
differ 'an integer of 64 bits stays what it is; the other keeps 53 bits' \
	9007199254740993 9007199254740993 9007199254740992
differ 'a real number is refused; the other takes one without a fraction for an integer' '[1.0]' 'refused format' '[1]'
differ 'a key that occurs twice is refused; the other takes the last' '{"a":1,"a":2}' 'refused format' '{"a":2}'
differ 'a NUL is refused; the other writes it' '["\\u0000"]' 'refused format' '["\000"]'
differ 'half a surrogate pair is refused; the other replaces it' '["\\ud800"]' 'refused format' "[\"$replacement\"]"
differ 'invalid UTF-8 is refused; the other replaces it' '["\377"]' 'refused format' "[\"$replacement\"]"
done_testing
