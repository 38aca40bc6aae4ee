// SPDX-License-Identifier: Apache-2.0
// bpf/deny: a list that was read is written as the same, in order, and finds each of its digests and no other.
#include "bpf/deny.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(deny_drop) struct deny *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes second = {0};
	struct fault why = {0};

	if (deny_parse(data, len, &deny, &why)) {
		fuzz_refused(&why);
		HOLDS(!deny);
		return 0;
	}
	HOLDS(deny->count <= DENY_ENTRIES_MAX);
	MUST(deny_write(deny, &text, &must));
	MUST(deny_parse(text.data, text.len, &again, &must));
	MUST(deny_write(again, &second, &must));
	HOLDS(text.len == second.len && !memcmp(text.data, second.data, text.len));
	for (size_t i = 0; i < deny->count; i++) {
		struct sha256 digest = deny->entries[i].sha256;

		HOLDS(strlen(deny->entries[i].reason) <= DENY_REASON_MAX);
		HOLDS(deny_find(deny, &digest) == &deny->entries[i]);
		MUST(deny_remove(again, &digest, &must));
		HOLDS(!deny_find(again, &digest));
	}
	HOLDS(!again->count);
	return 0;
}
