// SPDX-License-Identifier: Apache-2.0
// Runs one fuzz target over its committed corpus, with any compiler: tests/corpus/<the name of this program>. Speaks TAP.
#include <errno.h>

#include "base/file.h"
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1u << 20)

static void run(const void *data, size_t len)
{
	// On the heap and not a byte longer, so that a sanitizer sees a read behind the end.
	OWNED(drop_heap) uint8_t *copy = malloc(len);

	if (len)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
}

static void run_file(int dirfd, const char *name)
{
	OWNED(bytes_drop) struct bytes data = {0};

	// A run that dies says by this line which input it was.
	printf("# %s\n", name);
	fflush(stdout);
	MUST(file_read_at(dirfd, name, INPUT_MAX, &data, &must));
	run(data.data, data.len);
}

int main(void)
{
	const char *noun = program_invocation_short_name;
	OWNED(drop_fd) int dirfd = -1;
	char path[4096];
	OWNED(names_drop) struct names names = {0};

	snprintf(path, sizeof(path), "%s/tests/corpus/%s", TEST_SOURCE_DIR, noun);
	MUST(dir_open(path, &dirfd, &must));
	MUST(names_list(dirfd, &names, &must));
	run("", 0);
	for (size_t i = 0; i < names.count; i++)
		run_file(dirfd, names.name[i]);
	printf("%s 1 - %s: %zu inputs of the corpus replayed\n1..1\n",
	       names.count ? "ok" : "not ok", noun, names.count);
	return names.count ? 0 : 1;
}
