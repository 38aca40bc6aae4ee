// SPDX-License-Identifier: Apache-2.0
// Counted messages between the server and the two processes it forks (signer, broker), and the forking itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"

// Appends one message (kind, then the bytes) to a stream socket. FAULT_OTHER when the other side has gone.
int channel_send(int fd, uint32_t kind, const void *data, size_t len, struct fault *why) MUST_CHECK;

// Reads one message of at most `max` bytes. `*open` is false, and nothing else happened, when the other side closed
// between two messages.
int channel_receive(int fd, size_t max, uint32_t *kind, struct bytes *out, bool *open,
		    struct fault *why) MUST_CHECK;

// A refusal as a message, and back. The sender is not trusted to end its texts or to know its codes.
#define CHANNEL_REFUSED UINT32_C(0xffffffff)
int channel_refuse(int fd, const struct fault *refusal, struct fault *why) MUST_CHECK;
// Sends a question and waits for the answer; a refusal of the other side becomes ours.
int channel_ask(int fd, uint32_t kind, const void *data, size_t len, size_t max, struct bytes *out,
		struct fault *why) MUST_CHECK;

// A process of ours at the other end of a channel.
struct child {
	const char *name; // "signer"
	pid_t pid;
	int fd;
};

// Forks. The child ignores SIGINT and SIGTERM (it ends when the channel closes), dies with its parent, runs `run`
// and exits with its fault's status. `shut` lists descriptors that it must not inherit, ended by -1. Only from a
// process with one thread.
typedef int child_run(int fd, void *ctx, struct fault *why);
int child_start(const char *name, child_run *run, void *ctx, const int *shut, struct child *out,
		struct fault *why) MUST_CHECK;
// Closes the channel and waits for the end.
void child_end(struct child *child);
