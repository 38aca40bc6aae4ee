// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/parallel.h"

#define PIECES 100

struct tally {
	atomic_int done[PIECES];
	atomic_int signals_open; // threads other than the first that would take a signal
	pthread_t first;
};

static void count_one(void *ctx, size_t index)
{
	struct tally *tally = ctx;
	sigset_t mask;

	atomic_fetch_add(&tally->done[index], 1);
	if (pthread_equal(pthread_self(), tally->first))
		return;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (!sigismember(&mask, SIGTERM))
		atomic_fetch_add(&tally->signals_open, 1);
}

static void each_piece_is_done_once(void **state)
{
	(void)state;
	for (size_t count = 0; count <= PIECES; count += 25) {
		struct tally tally = {.first = pthread_self()};

		parallel_run(count_one, &tally, count);
		for (size_t i = 0; i < PIECES; i++)
			assert_int_equal(tally.done[i], i < count);
		assert_int_equal(tally.signals_open, 0);
	}
}

static void the_callers_own_signals_are_as_before(void **state)
{
	struct tally tally = {.first = pthread_self()};
	sigset_t before, after;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	parallel_run(count_one, &tally, PIECES);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static atomic_int together;

static void meet(void *ctx, size_t index)
{
	(void)ctx, (void)index;
	atomic_fetch_add(&together, 1);
	// Ends only when a second one is at work at the same time.
	for (int i = 0; i < 5000 && together < 2; i++)
		usleep(1000);
}

static void two_processors_work_at_once(void **state)
{
	cpu_set_t set;

	(void)state;
	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) < 2)
		skip();
	together = 0;
	parallel_run(meet, NULL, 2);
	assert_int_equal(together, 2);
}

// Where the user may have no more threads, the caller does all of it.
static void without_threads_the_work_is_done_all_the_same(void **state)
{
	struct tally tally = {.first = pthread_self()};
	const struct rlimit none = {0, 0};
	pid_t child = fork();
	int status = -1;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		// Root is not bound by the limit.
		if ((geteuid() == 0 && (setgid(65534) || setuid(65534))) ||
		    setrlimit(RLIMIT_NPROC, &none))
			_exit(2);
		parallel_run(count_one, &tally, PIECES);
		for (size_t i = 0; i < PIECES; i++)
			if (tally.done[i] != 1)
				_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_piece_is_done_once),
		cmocka_unit_test(the_callers_own_signals_are_as_before),
		cmocka_unit_test(two_processors_work_at_once),
		cmocka_unit_test(without_threads_the_work_is_done_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
