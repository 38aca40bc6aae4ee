// SPDX-License-Identifier: Apache-2.0
#include "loader/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

// More would only hold more of the verifier's memory at once.
#define PARALLEL_MAX 8

struct parallel {
	parallel_job *job;
	void *ctx;
	size_t count;
	atomic_size_t next;
};

static void *parallel_work(void *arg)
{
	struct parallel *batch = arg;
	size_t index;

	while ((index = atomic_fetch_add(&batch->next, 1)) < batch->count)
		batch->job(batch->ctx, index);
	return NULL;
}

static size_t parallel_size(size_t count)
{
	cpu_set_t set;
	size_t size = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1)
		size = (size_t)CPU_COUNT(&set);
	if (size > PARALLEL_MAX)
		size = PARALLEL_MAX;
	return size < count ? size : count;
}

void parallel_run(parallel_job *job, void *ctx, size_t count)
{
	struct parallel batch = {.job = job, .ctx = ctx, .count = count};
	size_t size = parallel_size(count), started = 0;
	pthread_t threads[PARALLEL_MAX];
	sigset_t all, before;

	// Signals are for the one thread that expects them.
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started + 1 < size &&
	       !pthread_create(&threads[started], NULL, parallel_work, &batch))
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	parallel_work(&batch);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}
