// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/deadline.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double until_struck(const struct deadline *deadline)
{
	double start = now();

	while (!deadline->struck && now() < start + 5)
		;
	return now() - start;
}

static void it_strikes_when_it_is_due_and_again(void **state)
{
	struct deadline deadline = {.running = false};
	struct fault why = {0};
	double took;

	(void)state;
	assert_int_equal(deadline_start(&deadline, 1, "", &why), 0);
	assert_false(deadline.struck);
	took = until_struck(&deadline);
	assert_true(took > 0.9 && took < 2);
	assert_false(deadline.explaining);
	// libbpf tries again: each try is interrupted.
	deadline.struck = 0;
	assert_true(until_struck(&deadline) < 0.5);
	deadline_stop(&deadline);
	deadline.struck = 0;
	usleep(50000);
	assert_false(deadline.struck);
}

static void a_log_with_words_in_it_is_an_explanation(void **state)
{
	struct deadline deadline = {.running = false};
	struct fault why = {0};

	(void)state;
	assert_int_equal(deadline_start(&deadline, 1, "func#0 @0", &why), 0);
	until_struck(&deadline);
	assert_true(deadline.explaining);
	deadline_stop(&deadline);
}

static int heard;

static void hear(int number)
{
	heard = number;
}

static void another_alarm_is_not_the_deadline_and_the_handler_before_it_comes_back(void **state)
{
	const struct sigaction mine = {.sa_handler = hear};
	struct deadline deadline = {.running = false};
	struct fault why = {0};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &mine, NULL), 0);
	assert_int_equal(deadline_start(&deadline, 60, "", &why), 0);
	assert_int_equal(raise(SIGALRM), 0);
	assert_false(deadline.struck);
	assert_int_equal(heard, 0);
	deadline_stop(&deadline);
	deadline_stop(&deadline);
	assert_int_equal(raise(SIGALRM), 0);
	assert_int_equal(heard, SIGALRM);
}

// Programs are loaded side by side, and most are done at once.
static void one_that_is_over_leaves_the_others_running(void **state)
{
	struct deadline over = {.running = false}, stays = {.running = false};
	struct fault why = {0};

	(void)state;
	assert_int_equal(signal(SIGALRM, SIG_DFL) == SIG_ERR, 0);
	assert_int_equal(deadline_start(&over, 60, "", &why), 0);
	assert_int_equal(deadline_start(&stays, 1, "", &why), 0);
	deadline_stop(&over);
	assert_true(until_struck(&stays) < 2);
	assert_true(stays.struck);
	deadline_stop(&stays);
	assert_ptr_equal(signal(SIGALRM, SIG_DFL), SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_strikes_when_it_is_due_and_again),
		cmocka_unit_test(a_log_with_words_in_it_is_an_explanation),
		cmocka_unit_test(
			another_alarm_is_not_the_deadline_and_the_handler_before_it_comes_back),
		cmocka_unit_test(one_that_is_over_leaves_the_others_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
