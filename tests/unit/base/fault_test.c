// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"

static void callers_add_their_place_in_front(void **state)
{
	struct fault why = {0};

	(void)state;
	assert_int_equal(fault_set(&why, FAULT_ROLLBACK, "version %d is older than %d", 3, 4), -1);
	assert_int_equal(fault_within(&why, "timestamp"), -1);
	assert_int_equal(fault_within(&why, "repository corp"), -1);
	assert_string_equal(why.text, "repository corp");
	assert_string_equal(why.cause, "timestamp: version 3 is older than 4");
	assert_int_equal(fault_exit_status(why.code), 4);
	assert_string_equal(fault_name(why.code), "rollback");
}

static void only_the_code_that_is_expected_is_forgiven(void **state)
{
	struct fault why = {0};

	(void)state;
	fault_set(&why, FAULT_NOT_FOUND, "there is no file x");
	assert_int_equal(fault_forgive(&why, FAULT_FORMAT), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_string_equal(why.text, "there is no file x");
	assert_int_equal(fault_forgive(&why, FAULT_NOT_FOUND), 0);
	assert_int_equal(why.code, FAULT_NONE);
	assert_string_equal(why.text, "");
}

static void errno_is_told_in_words(void **state)
{
	struct fault why = {0};

	(void)state;
	errno = ENOSPC;
	fault_errno(&why, FAULT_OTHER, "cannot write %s", "x");
	assert_string_equal(why.text, "cannot write x: No space left on device");
}

static void a_long_chain_of_places_stays_in_bounds(void **state)
{
	struct fault why = {0};
	char place[400];

	(void)state;
	memset(place, 'p', sizeof(place) - 1);
	place[sizeof(place) - 1] = '\0';
	fault_set(&why, FAULT_OTHER, "%s%s", place, place);
	for (int i = 0; i < 5; i++)
		fault_within(&why, "%s%s", place, place);
	assert_int_equal(strlen(why.text), FAULT_TEXT_MAX - 1);
	assert_int_equal(strlen(why.cause), FAULT_TEXT_MAX - 1);
}

// What is left on the stack by whoever ran before.
static __attribute__((noinline)) void leave_a_secret(void)
{
	volatile unsigned char room[8 * FAULT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(room); i++)
		room[i] = 0x5a;
}

static void a_refusal_carries_nothing_but_its_texts(void **state)
{
	struct fault why = {0};

	(void)state;
	fault_set(&why, FAULT_OTHER, "inner");
	leave_a_secret();
	fault_within(&why, "outer");
	for (size_t i = strlen(why.cause); i < FAULT_TEXT_MAX; i++)
		assert_int_equal(why.cause[i], 0);
}

static void of_several_refusals_the_first_is_kept(void **state)
{
	struct fault first = {0}, why = {0};

	(void)state;
	fault_set(&why, FAULT_FORMAT, "one");
	fault_first(&first, &why);
	assert_int_equal(why.code, FAULT_NONE);
	fault_set(&why, FAULT_CONFIG, "two");
	fault_first(&first, &why);
	assert_int_equal(why.code, FAULT_NONE);
	assert_int_equal(first.code, FAULT_FORMAT);
	assert_string_equal(first.text, "one");
}

static void every_code_has_a_name_and_a_documented_exit_status(void **state)
{
	(void)state;
	for (enum fault_code code = FAULT_OTHER; code < FAULT_CODES; code++) {
		assert_non_null(fault_name(code));
		assert_in_range(fault_exit_status(code), 1, 8);
	}
}

static void what_is_printed_is_escaped(void **state)
{
	OWNED(drop_heap) char *text = NULL;
	struct fault why = {0};
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	fault_set(&why, FAULT_CONFIG, "bad name \"\x1b[2J\"");
	fault_where(&why, "node.json:3:5");
	fault_fix(&why, "rename it");
	fault_print(&why, to);
	fclose(to);
	assert_string_equal(
		text, "error: bad name \"\\x1b[2J\"\n  where: node.json:3:5\n  fix: rename it\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callers_add_their_place_in_front),
		cmocka_unit_test(only_the_code_that_is_expected_is_forgiven),
		cmocka_unit_test(a_refusal_carries_nothing_but_its_texts),
		cmocka_unit_test(of_several_refusals_the_first_is_kept),
		cmocka_unit_test(errno_is_told_in_words),
		cmocka_unit_test(a_long_chain_of_places_stays_in_bounds),
		cmocka_unit_test(every_code_has_a_name_and_a_documented_exit_status),
		cmocka_unit_test(what_is_printed_is_escaped),
	};

	return cmocka_run_group_tests_name("base/fault", tests, NULL, NULL);
}
