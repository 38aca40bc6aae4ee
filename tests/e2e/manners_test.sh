#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manner of every command: help, JSON with a schema, the error form, exit statuses, man pages, installation.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"
world_begin

# What each program lists in its own help is what there is.
commands() { "$BIN/$1" --help | sed -n '/^commands:/,/^$/p' | sed -nE 's/^  ([a-z0-9 -]+[a-z0-9])  .*/\1/p'; }
programs='bpfseal-keys bpfseal-bundle bpfseal-repod bpfseal-fetch bpfseal-loader'
for program in $programs; do
	commands "$program" | sed -e 's/ *$//' >"$R/commands"
	check "$program lists its commands" [ -s "$R/commands" ]
	while read -r command; do
		# shellcheck disable=SC2086
		"$BIN/bpfseal" $command --help >"$R/help" 2>&1 || echo "$command --help: status $?"
		grep -q "^usage: bpfseal $command" "$R/help" || echo "$command --help has no usage line"
		grep -q -- '--json' "$R/help" || echo "$command --help does not name --json"
		# shellcheck disable=SC2086
		"$BIN/bpfseal" $command --no-such-option >"$R/out" 2>"$R/err"
		[ $? = 2 ] || echo "$command --no-such-option: not usage"
		grep -q '^error: unknown option' "$R/err" || echo "$command: not the error form"
		page=$(ls "$SOURCE"/*/"$program".[1-8] 2>/dev/null)
		for word in $command; do
			[ -n "$page" ] && grep -qw -- "$word" "$page" || echo "$command: $word is not in $program's man page"
		done
	done <"$R/commands" >"$R/complaints"
	check "every command of $program has help, usage errors and its place in a man page" sh -c "cat $R/complaints; [ ! -s $R/complaints ]"
done
check 'the front has a man page too' [ -s "$SOURCE/base/bpfseal.1" ]
ends 'no command is usage' 2 "$BIN/bpfseal"
ends 'an unknown command is usage' 2 "$BIN/bpfseal" statsu
check '... and the nearest is named' said "did you mean 'bpfseal status'"
ends "'help COMMAND' is 'COMMAND --help'" 0 "$BIN/bpfseal" help map get
check '... with its usage line' said '^usage: bpfseal map get'
ends '... and of an unknown one the same' 2 "$BIN/bpfseal" help statsu
check '... with the nearest' said "did you mean 'bpfseal status'"
ends 'an option before the command is usage' 2 "$BIN/bpfseal" --json status --check
check '... and told where it belongs' said 'fix: options come behind it: bpfseal status ... --json'
ends 'a second word that is not known' 2 "$BIN/bpfseal" repod xyzzyx
check '... is sent to a help that can be asked for' said "fix: see 'bpfseal repod --help'"
ends 'the version is a word too' 0 "$BIN/bpfseal" version

# Documents: one, with a schema, from commands that print.
document() { # SENTENCE SCHEMA COMMAND...
	sentence=$1 schema=$2
	shift 2
	"$@" --json >"$R/document" 2>/dev/null
	check "$sentence" sh -c "[ \"\$(jq -r .schema <$R/document)\" != null ] && [ \"\$(jq -s length <$R/document)\" = 1 ] && jq -r .schema <$R/document | grep -q '$schema'"
}
quiet world_team
quiet release "$SOURCE/bpf/allow.json" "$SOURCE/bpf/ratelimit.json" "$SOURCE/bpf/count.json"
document 'key show' bpfseal bpfseal key show "$(pub root-1)"
document 'root show' bpfseal bpfseal root show --dir "$R/team"
document 'verify' bpfseal "$BIN/bpfseal" verify "$R/team/metadata/net.json"
document 'bundle inspect' bpfseal bpfseal bundle inspect "$R/team/count.bundle"
document 'bundle check' bpfseal bpfseal bundle check "$R/team/count.bundle"
document 'bundle build' bpfseal bpfseal bundle build --manifest "$SOURCE/bpf/count.json" --object-dir "$BPFSEAL_BPF" --output "$R/again.bundle"
check 'a bundle built twice has the same bytes' cmp "$R/team/count.bundle" "$R/again.bundle"
document 'a refusal is a document' bpfseal.error bpfseal trust show nobody
document 'a refusal that has something to show is one document too' bpfseal.trust bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json"
document 'trust add' bpfseal bpfseal trust add corp --url "$URL" --root-json "$R/team/metadata/root.json" --fingerprint "$FINGERPRINT"
document 'trust show' bpfseal bpfseal trust show corp
write_node "$URL" 1.0.0
document 'config check' bpfseal.config bpfseal config check
check 'config schema is a JSON Schema' sh -c "$BIN/bpfseal config schema | jq -e '.\"\$schema\"'"
document 'sync' bpfseal.sync bpfseal sync
with_keys release-1 -- document 'publish' bpfseal bpfseal publish --dir "$R/team" --url "$URL" --key "$(key release-1)"
check 'the server tells its state' sh -c "curl -sf $URL/api/v1/status | jq -e .schema"
check 'and its bundles' sh -c "curl -sf $URL/api/v1/bundles | jq -e .schema"
check 'metadata is cached by ETag' sh -c "
	etag=\$(curl -sfD - -o /dev/null $URL/metadata/1.root.json | tr -d '\r' | sed -n 's/^[Ee][Tt][Aa][Gg]: //p') && [ -n \"\$etag\" ] &&
	[ \$(curl -s -o /dev/null -w '%{http_code}' -H \"If-None-Match: \$etag\" $URL/metadata/1.root.json) = 304 ]"
check 'wrong input gets a problem document' sh -c "
	[ \$(curl -s -o $R/problem -w '%{http_code} %{content_type}' $URL/metadata/../../etc/passwd --path-as-is | tee $R/code | cut -c1) = 4 ] && jq -e .title <$R/problem"
check 'an upload without a signature is not admitted' sh -c "[ \$(curl -s -o $R/problem -w '%{http_code}' -T $R/again.bundle $URL/api/v1/blobs/sha256/\$(sha256sum $R/again.bundle | cut -d' ' -f1)) = 401 ] && jq -e .title <$R/problem"
document 'repod check' bpfseal bpfseal repod check

# Installation below a directory: the front finds its programs in ../libexec.
check 'make install fills DESTDIR and nothing else' make -s -C "$SOURCE" BUILD="$(dirname "$BPFSEAL_OUT")" VARIANT="$(basename "$BPFSEAL_OUT")" install DESTDIR="$R/image"
check 'what was installed runs' "$R/image/usr/bin/bpfseal" bundle inspect "$R/team/count.bundle"
check 'the header for program authors is installed' [ -s "$R/image/usr/include/bpfseal/chain.h" ]
check 'compile_commands.json is written' sh -c "make -s -C $SOURCE BUILD=$R/cc compile_commands.json && jq -e 'length > 50' $R/cc/compile_commands.json"

# ---- completion ----
cat >"$R/complete.bash" <<'BASH'
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_bpfseal
echo "${COMPREPLY[*]}"
BASH
completed() { # WANTED WORD...
	wanted=$1
	shift
	got=$(PATH="$BIN:$PATH" bash "$R/complete.bash" "$SOURCE/packaging/bpfseal.bash" bpfseal "$@")
	[ "$got" = "$wanted" ] || { echo "$got"; return 1; }
}
if command -v bash >/dev/null; then
	check 'a command is completed' completed status stat
	check '... its second word' completed 'check import-l3af schema' config ''
	check '... the option of one with two words' completed --fingerprint trust add --fi
	check '... and of one with one' completed '--changes --config' sync --c
	check 'and a file name where there is one' completed "$R/complete.bash" sign "$R/complete.b"
else
	ok 'completion # SKIP there is no bash here'
fi
done_testing
