// SPDX-License-Identifier: Apache-2.0
// Length-prefixed messages between the server and the two processes that it forks (signer, broker), and the forking.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"

// Sends one message on a stream socket. FAULT_OTHER when the peer has closed it.
int channel_send(int fd, uint32_t kind, const void *data, size_t len, struct fault *why) MUST_CHECK;

// Reads one message of at most `max` bytes. `*open` is false if the peer closed the socket between two messages.
int channel_receive(int fd, size_t max, uint32_t *kind, struct bytes *out, bool *open,
		    struct fault *why) MUST_CHECK;

// Sends a refusal as a message. The receiver trusts neither its texts to be terminated nor its code to be known.
#define CHANNEL_REFUSED UINT32_C(0xffffffff)
int channel_refuse(int fd, const struct fault *refusal, struct fault *why) MUST_CHECK;
// Sends a request and waits for the answer; a refusal of the peer becomes ours.
int channel_ask(int fd, uint32_t kind, const void *data, size_t len, size_t max, struct bytes *out,
		struct fault *why) MUST_CHECK;

// A child process at the other end of a channel.
struct child {
	const char *name; // "signer"
	pid_t pid;
	int fd;
};

// Forks. The child ignores SIGINT and SIGTERM (it ends when the channel closes), dies with its parent, runs `run`
// and exits with its fault's status. `shut` lists the descriptors that it must close, ended by -1. Only from a
// process with one thread.
typedef int child_run(int fd, void *ctx, struct fault *why);
int child_start(const char *name, child_run *run, void *ctx, const int *shut, struct child *out,
		struct fault *why) MUST_CHECK;
// Closes the channel and waits for the child to exit.
void child_end(struct child *child);
