// SPDX-License-Identifier: Apache-2.0
// Joins finished programs into one that calls them in order, each as a function of its own: a chain for a place where no
// tail call reaches, as the card of an interface.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/code.h"

// One member. Borrowed.
struct fuse_part {
	const struct code *code;
	const int32_t *
		continue_on; // the verdicts that go on to the next part; of the last part not looked at
	size_t continue_count;
};

// The verdict is that of the part that did not go on, or of the last. The whole has no records of functions and lines:
// those name types of the part's own object, and without them every function is followed into, as one that is called with
// the context has to be. One part is itself. FAULT_FORMAT when verdicts make no sense, FAULT_TOO_LARGE past what the kernel
// takes.
int fuse_parts(const struct fuse_part *parts, size_t count, struct code *out, struct fault *why)
	MUST_CHECK;
