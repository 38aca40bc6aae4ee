// SPDX-License-Identifier: Apache-2.0
// Another program of ours, which lies beside this one: given its input, asked for its answer. It is started before the jail
// shuts, and waits for its input; its privileges are its caller's, or none.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"

struct sibling {
	pid_t pid;
	int fd; // its stdin and its stdout
};
#define SIBLING_NONE     \
	{                \
		.fd = -1 \
	}

// `args` begins with the program's name and ends with NULL. One that is not there is noticed by sibling_ask.
int sibling_start(const char *const *args, struct sibling *out, struct fault *why) MUST_CHECK;
// Gives it all of its input, then takes all of its answer. `*status` is how it ended: an exit status, 127 where it is not
// installed.
int sibling_ask(struct sibling *sibling, const struct bytes *input, size_t max,
		struct bytes *answer, int *status, struct fault *why) MUST_CHECK;
// Lets go of one that was not asked: it ends by itself.
void sibling_drop(struct sibling *sibling);
