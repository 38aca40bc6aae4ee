// SPDX-License-Identifier: Apache-2.0
// One thing that waits (for a disk, for packets in flight) done beside what computes.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/fault.h"

// Touches nothing that who started it touches before aside_wait.
typedef int aside_job(void *ctx, struct fault *why);

// {0} is none.
struct aside {
	aside_job *job; // NULL: none
	void *ctx;
	pthread_t thread;
	bool runs; // else it is done when it is waited for
	int result;
	struct fault why;
};

void aside_start(struct aside *aside, aside_job *job, void *ctx);
// What came of it; 0 where there is none, and from the second time on.
int aside_wait(struct aside *aside, struct fault *why) MUST_CHECK;
