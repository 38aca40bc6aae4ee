// SPDX-License-Identifier: Apache-2.0
#include "loader/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

// More would only hold more of the verifier's memory at once.
#define CREW_MAX 8

struct crew {
	crew_job *job;
	void *ctx;
	size_t count;
	atomic_size_t next;
};

static void *crew_work(void *arg)
{
	struct crew *crew = arg;
	size_t index;

	while ((index = atomic_fetch_add(&crew->next, 1)) < crew->count)
		crew->job(crew->ctx, index);
	return NULL;
}

static size_t crew_size(size_t count)
{
	cpu_set_t set;
	size_t size = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1)
		size = (size_t)CPU_COUNT(&set);
	if (size > CREW_MAX)
		size = CREW_MAX;
	return size < count ? size : count;
}

void crew_run(crew_job *job, void *ctx, size_t count)
{
	struct crew crew = {.job = job, .ctx = ctx, .count = count};
	size_t size = crew_size(count), hired = 0;
	pthread_t threads[CREW_MAX];
	sigset_t all, before;

	// Signals are for the one thread that expects them.
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (hired + 1 < size && !pthread_create(&threads[hired], NULL, crew_work, &crew))
		hired++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	crew_work(&crew);
	for (size_t i = 0; i < hired; i++)
		pthread_join(threads[i], NULL);
}
