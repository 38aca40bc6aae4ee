// SPDX-License-Identifier: Apache-2.0
#include "loader/background.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static int counts(void *ctx, struct fault *why)
{
	(void)why;
	++*(int *)ctx;
	return 0;
}

static int refuses(void *ctx, struct fault *why)
{
	(void)ctx;
	return fault_set(why, FAULT_BUSY, "not now");
}

static int waits_for_a_byte(void *ctx, struct fault *why)
{
	char byte;

	(void)why;
	return read(*(int *)ctx, &byte, 1) == 1 ? 0 : -1;
}

static void it_is_done_once_and_told_once(void **state)
{
	struct background task = {0};
	struct fault why = {0};
	int count = 0;

	(void)state;
	assert_int_equal(background_wait(&task, &why), 0);
	background_start(&task, counts, &count);
	assert_int_equal(background_wait(&task, &why), 0);
	assert_int_equal(background_wait(&task, &why), 0);
	assert_int_equal(count, 1);
	background_start(&task, refuses, NULL);
	assert_int_equal(background_wait(&task, &why), -1);
	assert_int_equal(why.code, FAULT_BUSY);
	assert_int_equal(background_wait(&task, &why), 0);
}

static void it_is_done_beside_who_started_it(void **state)
{
	struct background task = {0};
	struct fault why = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	background_start(&task, waits_for_a_byte, &ends[0]);
	assert_true(task.runs);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_int_equal(background_wait(&task, &why), 0);
	close(ends[0]);
	close(ends[1]);
}

// What background_start leaves where no thread is to be had.
static void without_a_thread_it_is_done_when_it_is_waited_for(void **state)
{
	int count = 0;
	struct background task = {.job = counts, .ctx = &count};
	struct fault why = {0};

	(void)state;
	assert_int_equal(background_wait(&task, &why), 0);
	assert_int_equal(count, 1);
	assert_int_equal(background_wait(&task, &why), 0);
	assert_int_equal(count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_done_once_and_told_once),
		cmocka_unit_test(it_is_done_beside_who_started_it),
		cmocka_unit_test(without_a_thread_it_is_done_when_it_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
