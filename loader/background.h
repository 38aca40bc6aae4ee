// SPDX-License-Identifier: Apache-2.0
// Runs one blocking job (an fsync, a grace period) in a thread while the caller computes.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/fault.h"

// The job. Until background_wait the caller and the job must not use the same data.
typedef int background_job(void *ctx, struct fault *why);

// {0}: no job.
struct background {
	background_job *job; // NULL: none
	void *ctx;
	pthread_t thread;
	bool runs; // false: no thread could be created, so background_wait runs the job
	int result;
	struct fault why;
};

// Starts the job. `task` and `ctx` are borrowed until background_wait, which must follow.
void background_start(struct background *task, background_job *job, void *ctx);
// Waits for the job and returns its result, with its refusal in *why; 0 where there is no job, or it was waited for before.
int background_wait(struct background *task, struct fault *why) MUST_CHECK;
