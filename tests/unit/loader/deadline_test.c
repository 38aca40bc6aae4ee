// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
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

	// Somebody else may have the processor for long; that it strikes at all is what is waited for.
	while (!deadline->struck && now() < start + 60)
		;
	return now() - start;
}

static void it_strikes_when_it_is_due_and_again(void **state)
{
	struct deadline deadline = {.running = false};
	struct fault why = {0};
	double start = now(), took;

	(void)state;
	assert_int_equal(deadline_start(&deadline, 1, "", &why), 0);
	until_struck(&deadline);
	took = now() - start;
	assert_true(deadline.struck && took > 0.9);
	assert_false(deadline.explaining);
	// libbpf tries again: each try is interrupted.
	deadline.struck = 0;
	until_struck(&deadline);
	assert_true(deadline.struck);
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

struct other {
	struct deadline deadline;
	pthread_barrier_t both_started;
	bool struck;
};

static void *wait_for_mine(void *arg)
{
	struct other *other = arg;
	struct fault why = {0};

	if (deadline_start(&other->deadline, 1, "", &why))
		return NULL;
	pthread_barrier_wait(&other->both_started);
	until_struck(&other->deadline);
	other->struck = other->deadline.struck;
	deadline_stop(&other->deadline);
	return NULL;
}

// The first to stop left the signal to the system, which ends the process with it.
static void of_two_threads_each_has_its_own_and_the_last_puts_the_handler_back(void **state)
{
	const struct sigaction mine = {.sa_handler = hear};
	struct deadline deadline = {.running = false};
	struct other other = {.struck = false};
	struct fault why = {0};
	pthread_t thread;

	(void)state;
	heard = 0;
	assert_int_equal(sigaction(SIGALRM, &mine, NULL), 0);
	assert_int_equal(pthread_barrier_init(&other.both_started, NULL, 2), 0);
	assert_int_equal(deadline_start(&deadline, 60, "", &why), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_mine, &other), 0);
	pthread_barrier_wait(&other.both_started);
	deadline_stop(&deadline);
	pthread_join(thread, NULL);
	assert_true(other.struck);
	assert_false(deadline.struck);
	assert_int_equal(heard, 0);
	assert_int_equal(raise(SIGALRM), 0);
	assert_int_equal(heard, SIGALRM);
	pthread_barrier_destroy(&other.both_started);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_strikes_when_it_is_due_and_again),
		cmocka_unit_test(a_log_with_words_in_it_is_an_explanation),
		cmocka_unit_test(
			another_alarm_is_not_the_deadline_and_the_handler_before_it_comes_back),
		cmocka_unit_test(
			of_two_threads_each_has_its_own_and_the_last_puts_the_handler_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
