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
	char **names;
	size_t count;

	snprintf(path, sizeof(path), "%s/tests/corpus/%s", TEST_SOURCE_DIR, noun);
	MUST(dir_open(path, &dirfd, &must));
	MUST(dir_list(dirfd, &names, &count, &must));
	run("", 0);
	for (size_t i = 0; i < count; i++)
		run_file(dirfd, names[i]);
	printf("%s 1 - %s: %zu inputs of the corpus replayed\n1..1\n", count ? "ok" : "not ok",
	       noun, count);
	names_free(names, count);
	return count ? 0 : 1;
}
