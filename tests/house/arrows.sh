#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The house keeps its shape: folder arrows, library doors, one licence line a file. Speaks TAP.
cd "$(dirname "$0")/../.." || exit 1
number=0
verdict() { # sentence, complaints (empty: fine)
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/# /'
	fi
}
sources() { find "$@" -name '*.[chS]' | sort; }

# An include names its folder; base includes base, keys base, bpf keys and base, tools all three but no tool.
may_include() {
	case $1 in
	base) echo 'base' ;;
	keys) echo 'keys|base' ;;
	bpf) echo 'bpf|keys|base' ;;
	*) echo "$1|bpf|keys|base" ;;
	esac
}
wrong=$(for folder in base keys bpf repod fetch loader; do
	sources $folder | xargs grep -nE '^#include "' | grep -vE "#include \"($(may_include $folder))/[a-z0-9_.]+\""
done)
verdict 'includes follow the arrows between folders' "$wrong"

# A library's header, and the files that are its door. Kernel-side code has the kernel's headers.
doors() {
	cat <<'DOORS'
jansson\.h                    base/json\.c
archive                       bpf/bundle\.c
sqlite3\.h                    repod/catalog\.c
microhttpd\.h                 repod/http\.c
curl/                         fetch/download\.c
sodium\.h                     keys/(key|keyfile|sig|httpsig|passphrase)\.c
openssl/                      base/digest\.c|keys/(sig|key)\.c
bpf/(libbpf|bpf|btf)\.h       bpf/(inspect|claims|layout)\.c|loader/[a-z_]+\.[ch]
(lib|g)elf\.h                 bpf/(inspect|listing)\.c
seccomp\.h                    base/jail\.c
sys/capability\.h             base/jail\.c
linux/landlock\.h             base/jail\.c
DOORS
}
wrong=$(doors | while read -r header door; do
	sources base keys bpf repod fetch loader | grep -vE '\.bpf\.c$|^bpf/(chain|packet)\.h$' |
		xargs grep -nE "^#include <$header" | grep -vE "^($door):"
done)
verdict 'each library has its door' "$wrong"

wrong=$(sources base keys bpf repod fetch loader tests | while read -r file; do
	case $file in
	*.bpf.c | bpf/chain.h | bpf/packet.h | tests/kernel/flood.h | tests/kernel/flood_member.h | tests/kernel/kinds.h) want='SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' ;;
	*) want='SPDX-License-Identifier: Apache-2.0' ;;
	esac
	head -1 "$file" | grep -q "$want" || echo "$file has no line: $want"
done
find . -name '*.sh' -not -path './build/*' | while read -r file; do
	head -3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file has no licence line"
done)
verdict 'every source file names its licence' "$wrong"

wrong=$(sources base keys bpf repod fetch loader | xargs grep -nE '\b(strcpy|strcat|sprintf|gets|system|popen|mktemp|tmpnam|atoi|atol|alloca)\(' | grep -v '\.bpf\.c:')
verdict 'no function that cannot be used safely' "$wrong"

# The environment is read in four places: what jail_start keeps, the passphrase channel, where a service's output goes, and
# where it says that it is ready.
wrong=$(sources base keys bpf repod fetch loader | xargs grep -nE '\bgetenv\(' | grep -vE '^(base/jail|base/journal|base/notify|keys/passphrase)\.c:')
verdict 'the environment is read at its doors only' "$wrong"

wrong=$(find base keys bpf repod fetch loader -name '*.h' | while read -r file; do
	grep -q '#pragma once' "$file" || echo "$file has no #pragma once"; done
	find base keys bpf repod fetch loader -name '*.c' -not -name main.c -not -name '*.bpf.c' -not -name tuf_client.c | while read -r file; do
	[ -e "${file%.c}.h" ] || echo "$file has no header of its name"; done
	find . -regex '.*/\(utils?\|common\|misc\|helpers\)\.[ch]' -not -path './build/*')
verdict 'one noun a file, each with its header' "$wrong"

wrong=$(sources base keys bpf repod fetch loader tests | xargs grep -ohE '\bA[0-9]{2}\b' | sort -u | while read -r attack; do
	grep -q "^| $attack |" docs/attacks.md || echo "$attack is cited, and stands in no line of docs/attacks.md"
done)
verdict 'every attack that is cited by number is described' "$wrong"

if [ -n "${BPFSEAL_OUT:-}" ]; then
	wrong=$(ldd "$BPFSEAL_OUT/bin/bpfseal-loader" | grep -E 'curl|archive|ssl|gnutls|microhttpd|sqlite|nghttp')
	verdict 'the loader is linked with no network, TLS or archive library' "$wrong"
	wrong=$(ldd "$BPFSEAL_OUT/bin/bpfseal-fetch" "$BPFSEAL_OUT/bin/bpfseal-keys" | grep -E 'microhttpd|sqlite')
	verdict 'fetcher and key tool are linked with no server library' "$wrong"
fi
echo "1..$number"
