// SPDX-License-Identifier: Apache-2.0
#include "base/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fault.h"

// As systemd does it: the variable names the file behind the stream.
static FILE *connected(void)
{
	FILE *stream = tmpfile();
	struct stat about;
	char text[64];

	assert_non_null(stream);
	assert_int_equal(fstat(fileno(stream), &about), 0);
	snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)about.st_dev,
		 (unsigned long long)about.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
	return stream;
}

static int forget(void **state)
{
	(void)state;
	return unsetenv("JOURNAL_STREAM");
}

static void a_line_for_the_journal_has_its_priority(void **state)
{
	FILE *stream = connected();

	(void)state;
	assert_true(journal_is(stream));
	assert_string_equal(journal_priority(stream, "alarm: a"), "<2>");
	assert_string_equal(journal_priority(stream, "error: a"), "<3>");
	assert_string_equal(journal_priority(stream, "warning: a"), "<4>");
	assert_string_equal(journal_priority(stream, "note: a"), "<5>");
	assert_string_equal(journal_priority(stream, "an error: a"), "");
	fclose(stream);
}

static void a_stream_that_was_redirected_has_none(void **state)
{
	FILE *stream = connected(), *other = tmpfile();

	(void)state;
	assert_non_null(other);
	assert_string_equal(journal_priority(other, "error: a"), "");
	fclose(other);
	fclose(stream);
}

static void without_a_journal_there_is_none(void **state)
{
	static const char *const odd[] = {"", "1", "a:b", "1:2:3", ":"};

	(void)state;
	assert_string_equal(journal_priority(stdout, "error: a"), "");
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(setenv("JOURNAL_STREAM", odd[i], 1), 0);
		assert_false(journal_is(stdout));
	}
}

static void each_line_of_a_refusal_has_it(void **state)
{
	FILE *stream = connected();
	struct fault why = {0};
	char text[256] = "";

	(void)state;
	fault_set(&why, FAULT_DIGEST, "it is damaged");
	fault_fix(&why, "fetch it again");
	fault_print(&why, stream);
	rewind(stream);
	assert_true(fread(text, 1, sizeof text - 1, stream) > 0);
	assert_string_equal(text, "<3>error: it is damaged\n<3>  fix: fetch it again\n");
	fclose(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_line_for_the_journal_has_its_priority, forget),
		cmocka_unit_test_teardown(a_stream_that_was_redirected_has_none, forget),
		cmocka_unit_test_teardown(without_a_journal_there_is_none, forget),
		cmocka_unit_test_teardown(each_line_of_a_refusal_has_it, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
