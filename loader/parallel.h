// SPDX-License-Identifier: Apache-2.0
// Runs a batch of jobs in parallel, on one thread for each processor of our affinity mask (8 at most). Used to load programs:
// the verifier takes long for each, and the kernel verifies several at the same time.
#pragma once

#include <stddef.h>

// Job number `index`, from 0. Jobs run concurrently: they may share only what none of them writes.
typedef void parallel_job(void *ctx, size_t index);

// Runs jobs 0 to count-1, each once, in any order, and returns when all are done. If no thread can be created the calling
// thread runs them all.
void parallel_run(parallel_job *job, void *ctx, size_t count);
