// SPDX-License-Identifier: Apache-2.0
// A thread pool for one batch of jobs, with a thread for each processor that we may run on. Used for loading programs: the
// verifier takes long for each, and privileged processes may load several at the same time.
#pragma once

#include <stddef.h>

// One of `count` pieces. They share nothing but what they only read.
typedef void crew_job(void *ctx, size_t index);

// Does each piece once, in any order, and returns when all are done. Where no thread can be had, one after the other.
void crew_run(crew_job *job, void *ctx, size_t count);
