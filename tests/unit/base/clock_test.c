// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_time_is_read_and_written_alike(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} times[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2024-02-29T23:59:59Z", 1709251199},
		{"2027-01-15T08:00:00Z", 1800000000},
		{"9999-12-31T23:59:59Z", 253402300799},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[CLOCK_TEXT_LEN];
		struct fault why = {0};
		int64_t seconds;

		assert_int_equal(clock_parse(times[i].text, &seconds, &why), 0);
		assert_int_equal(seconds, times[i].seconds);
		clock_write(seconds, text);
		assert_string_equal(text, times[i].text);
	}
}

static void a_time_that_does_not_exist_or_is_written_otherwise_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2027-01-15",
		"2027-01-15T08:00:00",
		"2027-01-15T08:00:00+00:00",
		"2027-01-15t08:00:00z",
		" 2027-01-15T08:00:00Z",
		"2027-01-15T08:00:00Z ",
		"2027-02-29T00:00:00Z",
		"2027-13-01T00:00:00Z",
		"2027-00-01T00:00:00Z",
		"2027-01-15T24:00:00Z",
		"2027-01-15T08:00:60Z",
		"0000-00-00T00:00:00Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fault why = {0};
		int64_t seconds;

		assert_int_equal(clock_parse(texts[i], &seconds, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
}

static void what_no_text_can_say_is_written_as_no_time(void **state)
{
	static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_C(253402300800)};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[CLOCK_TEXT_LEN];

		clock_write(times[i], text);
		assert_string_equal(text, "0000-00-00T00:00:00Z");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_and_written_alike),
		cmocka_unit_test(a_time_that_does_not_exist_or_is_written_otherwise_is_refused),
		cmocka_unit_test(what_no_text_can_say_is_written_as_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
