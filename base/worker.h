// SPDX-License-Identifier: Apache-2.0
// A child that has nothing but memory and one pipe: where hostile archives and objects are parsed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"

// Runs in the child, after the jail is shut. Reads `input`, appends its answer to `output`. Returns 0, or -1 with
// *why filled; both travel back to the parent.
typedef int worker_job(const void *input, size_t input_len, struct bytes *output,
		       struct fault *why);

// What the child may use.
struct worker_limits {
	size_t memory_max;    // address space, bytes
	unsigned seconds_max; // processor and wall time
	size_t output_max;    // bytes of the answer
};

// Forks, shuts every descriptor but the pipe, sets the limits and the PURE seccomp profile in the child, runs the
// job, collects the answer. A child that dies, stalls or says too much is FAULT_FORMAT (the input did it).
//
// No other thread may run when it forks, in worker_start as well: what such a thread holds locked at that moment stays locked
// in the child for ever. glibc sees to the locks of its allocator, a sanitizer does not, and nobody sees to those of
// libraries. So a threaded server asks a broker that it forked before its first thread, and who has work done aside waits
// for it first.
int worker_run(worker_job *job, const void *input, size_t input_len,
	       const struct worker_limits *limits, struct bytes *output, struct fault *why)
	MUST_CHECK;

// The same in two steps, for several at once. `worker_finish` ends it, whatever it returns; `worker_drop` one that nobody
// asks any more.
struct worker {
	int pid, fd; // 0 and -1: none
	int64_t deadline_ms;
	size_t output_max;
};
#define WORKER_NONE      \
	{                \
		.fd = -1 \
	}
int worker_start(worker_job *job, const void *input, size_t input_len,
		 const struct worker_limits *limits, struct worker *out, struct fault *why)
	MUST_CHECK;
int worker_finish(struct worker *worker, struct bytes *output, struct fault *why) MUST_CHECK;
// Whether the child has let go of its pipe, so that worker_finish has next to nothing to wait for.
bool worker_is_over(const struct worker *worker);
void worker_drop(struct worker *worker);

// Waits for a child's end. Its status as waitpid(2) tells it; -1 when there is no such child.
int worker_reap(pid_t child);
