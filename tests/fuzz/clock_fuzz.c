// SPDX-License-Identifier: Apache-2.0
// base/clock: a time that is read is written as it was; a time that is written is read as it was.
#include "base/clock.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

#define YEAR_1000  INT64_C(-30610224000)
#define YEAR_10000 INT64_C(253402300800)

static void write_first(int64_t seconds)
{
	char text[CLOCK_TEXT_LEN];
	struct fault why = {0};
	int64_t again;

	memset(text, 'x', sizeof(text));
	clock_write(seconds, text);
	HOLDS(memchr(text, '\0', sizeof(text)));
	if (seconds < YEAR_1000 || seconds >= YEAR_10000) {
		HOLDS(clock_parse(text, &again, &why) != 0 || again == seconds);
		return;
	}
	HOLDS(strlen(text) == CLOCK_TEXT_LEN - 1);
	MUST(clock_parse(text, &again, &must));
	HOLDS(again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len}, number = {data, len};
	OWNED(drop_heap) char *text = fuzz_line(&input);
	char again[CLOCK_TEXT_LEN];
	struct fault why = {0};
	int64_t seconds;

	write_first((int64_t)fuzz_number(&number, 8));
	// The same within the years that people live in.
	number = (struct fuzz_input){data, len};
	write_first(YEAR_1000 + (int64_t)(fuzz_number(&number, 8) % (YEAR_10000 - YEAR_1000)));
	if (clock_parse(text, &seconds, &why)) {
		fuzz_refused(&why);
		return 0;
	}
	clock_write(seconds, again);
	HOLDS(strcmp(text, again) == 0);
	return 0;
}
