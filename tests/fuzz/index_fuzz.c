// SPDX-License-Identifier: Apache-2.0
// bpf/index and bpf/version: an index that was read is written as the same; a pattern gets the highest released version
// that it matches, and nothing else. First line: a pattern. Rest: index.json.
#include "bpf/index.h"

#include "base/owned.h"
#include "bpf/version.h"
#include "tests/fuzz/fuzz.h"

static void write_again(const struct index *index)
{
	OWNED(index_drop) struct index *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes second = {0};

	MUST(index_write(index, &text, &must));
	// Indented, a long one may pass the limit; the corpus has none that long.
	MUST(index_parse(text.data, text.len, &again, &must));
	MUST(index_write(again, &second, &must));
	HOLDS(text.len == second.len && !memcmp(text.data, second.data, text.len));
}

static void resolve(const struct index *index, const char *pattern)
{
	const struct index_version *best = NULL;
	struct fault why = {0};

	if (index_resolve(index, pattern, INDEX_RELEASED, &best, &why)) {
		fuzz_refused(&why);
		HOLDS(!best);
	} else {
		HOLDS(version_matches(best->version, pattern) &&
		      !strcmp(best->channel, "released"));
	}
	for (size_t i = 0; i < index->count; i++) {
		const struct index_version *each = &index->versions[i];

		MUST(version_check(each->version, &must));
		HOLDS(!i || version_compare(each[-1].version, each->version) < 0);
		if (why.code != FAULT_NONE && why.code != FAULT_UNTRUSTED)
			continue; // no pattern
		if (version_matches(each->version, pattern) && !strcmp(each->channel, "released"))
			HOLDS(best && version_compare(best->version, each->version) >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	OWNED(drop_heap) char *pattern = fuzz_line(&input);
	OWNED(index_drop) struct index *index = NULL;
	OWNED(drop_heap) char *path = NULL;
	struct fault why = {0};

	if (index_path(pattern, &path, &why) == 0)
		HOLDS(path[0] != '/' && path[0] != '.' && !strstr(path, "/../"));
	fault_clear(&why);
	if (index_parse(input.at, input.left, &index, &why)) {
		fuzz_refused(&why);
		HOLDS(!index);
		return 0;
	}
	write_again(index);
	resolve(index, pattern);
	return 0;
}
