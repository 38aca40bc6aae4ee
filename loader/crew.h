// SPDX-License-Identifier: Apache-2.0
// Several pieces of work at once, on as many threads as there are processors for us: the verifier takes its time for each
// program, and lets privileged ones in side by side.
#pragma once

#include <stddef.h>

// One of `count` pieces. They share nothing but what they only read.
typedef void crew_job(void *ctx, size_t index);

// Does each piece once, in any order, and returns when all are done. Where no thread can be had, one after the other.
void crew_run(crew_job *job, void *ctx, size_t count);
