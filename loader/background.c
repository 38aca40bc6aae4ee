// SPDX-License-Identifier: Apache-2.0
#include "loader/background.h"

#include <signal.h>
#include <stddef.h>

static void *background_run(void *arg)
{
	struct background *task = arg;

	task->result = task->job(task->ctx, &task->why);
	return NULL;
}

void background_start(struct background *task, background_job *job, void *ctx)
{
	sigset_t all, before;

	*task = (struct background){.job = job, .ctx = ctx};
	// Signals are for the one thread that expects them.
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	task->runs = pthread_create(&task->thread, NULL, background_run, task) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int background_wait(struct background *task, struct fault *why)
{
	if (!task->job)
		return 0;
	if (task->runs)
		pthread_join(task->thread, NULL);
	else
		background_run(task);
	task->job = NULL;
	if (task->result)
		*why = task->why;
	return task->result;
}
