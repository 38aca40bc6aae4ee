// SPDX-License-Identifier: Apache-2.0
// Somebody else who is at work while a test does its own: a process, as he would be. A thread would do for the kernel, but what
// is tested forks, and under ASan a fork beside a running thread may leave the child a lock of the allocator that nobody opens.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

// What both sides see.
struct rival_board {
	atomic_bool over;
	atomic_ulong count; // of what the job counts
};

struct rival {
	pid_t pid;
	struct rival_board *board;
};

// Works until board->over; false: it could not. It has a copy of all that the test has at the start, descriptors too, and must
// not use cmocka, whose assertions would go on with the test.
typedef bool rival_job(struct rival_board *board, const void *ctx);

void rival_start(struct rival *rival, rival_job *job, const void *ctx);
// Ends the job and returns its count; once more is nothing more and 0. A job that could not work fails the test.
unsigned long rival_stop(struct rival *rival);

// A job, its ctx a struct rival_sender: broadcast frames of no protocol, counted where the kernel took them.
struct rival_sender {
	const char *iface;
	unsigned pause_us; // after each frame
};

rival_job rival_sends;
