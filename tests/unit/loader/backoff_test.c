// SPDX-License-Identifier: Apache-2.0
#include "loader/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000)

static void two_repairs_in_a_minute_start_no_pause(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	assert_true(backoff_allows(&backoff, 0));
	assert_false(backoff_note(&backoff, 0));
	assert_false(backoff_note(&backoff, 59 * SECOND));
	// The first is a minute old by now.
	assert_false(backoff_note(&backoff, 60 * SECOND));
	assert_true(backoff_allows(&backoff, 60 * SECOND));
}

static void the_third_round_within_a_minute_begins_a_pause_of_ten_seconds(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	assert_false(backoff_note(&backoff, 5 * SECOND));
	assert_false(backoff_note(&backoff, 6 * SECOND));
	assert_true(backoff_note(&backoff, 7 * SECOND));
	assert_false(backoff_allows(&backoff, 7 * SECOND));
	assert_int_equal(backoff_wait_ms(&backoff, 7 * SECOND), 10 * SECOND);
	assert_int_equal(backoff_wait_ms(&backoff, 16 * SECOND), SECOND);
	assert_false(backoff_allows(&backoff, 17 * SECOND - 1));
	assert_true(backoff_allows(&backoff, 17 * SECOND));
}

static void each_round_after_a_pause_doubles_it_up_to_five_minutes(void **state)
{
	static const int64_t pauses[] = {10, 20, 40, 80, 160, 300, 300, 300};
	struct backoff backoff = {0};
	int64_t now = 0;

	(void)state;
	assert_false(backoff_note(&backoff, now));
	assert_false(backoff_note(&backoff, now));
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		assert_true(backoff_note(&backoff, now));
		assert_int_equal(backoff_wait_ms(&backoff, now), pauses[i] * SECOND);
		now += pauses[i] * SECOND;
		assert_true(backoff_allows(&backoff, now));
	}
}

static void who_lets_ten_minutes_pass_begins_anew(void **state)
{
	struct backoff backoff = {0};
	int64_t now = 0;

	(void)state;
	assert_false(backoff_note(&backoff, now));
	assert_false(backoff_note(&backoff, now));
	assert_true(backoff_note(&backoff, now));
	assert_true(backoff_note(&backoff, now += 10 * SECOND));
	assert_int_equal(backoff_wait_ms(&backoff, now), 20 * SECOND);
	now += 20 * SECOND + BACKOFF_CALM_MS;
	assert_false(backoff_note(&backoff, now));
	assert_false(backoff_note(&backoff, now));
	assert_true(backoff_note(&backoff, now));
	assert_int_equal(backoff_wait_ms(&backoff, now), 10 * SECOND);
}

// An attacker who strikes slowly enough is put right each time, for as long as he likes.
static void a_round_every_half_minute_never_begins_a_pause(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	for (int64_t now = 0; now < 3600 * SECOND; now += 30 * SECOND)
		assert_false(backoff_note(&backoff, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_repairs_in_a_minute_start_no_pause),
		cmocka_unit_test(the_third_round_within_a_minute_begins_a_pause_of_ten_seconds),
		cmocka_unit_test(each_round_after_a_pause_doubles_it_up_to_five_minutes),
		cmocka_unit_test(who_lets_ten_minutes_pass_begins_anew),
		cmocka_unit_test(a_round_every_half_minute_never_begins_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
