// SPDX-License-Identifier: Apache-2.0
#include "loader/aside.h"

#include <signal.h>
#include <stddef.h>

static void *aside_run(void *arg)
{
	struct aside *aside = arg;

	aside->result = aside->job(aside->ctx, &aside->why);
	return NULL;
}

void aside_start(struct aside *aside, aside_job *job, void *ctx)
{
	sigset_t all, before;

	*aside = (struct aside){.job = job, .ctx = ctx};
	// Signals are for the one thread that expects them.
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	aside->runs = pthread_create(&aside->thread, NULL, aside_run, aside) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int aside_wait(struct aside *aside, struct fault *why)
{
	if (!aside->job)
		return 0;
	if (aside->runs)
		pthread_join(aside->thread, NULL);
	else
		aside_run(aside);
	aside->job = NULL;
	if (aside->result)
		*why = aside->why;
	return aside->result;
}
