// SPDX-License-Identifier: Apache-2.0
// Joins relocated programs into one that calls each of them in order as a subprogram: a chain for cards, which have no tail
// calls.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/code.h"

// One member. Borrowed.
struct fuse_part {
	const struct code *code;
	// The verdicts that go on to the next part; ignored for the last.
	const int32_t *continue_on;
	size_t continue_count;
};

// The result's verdict is that of the first part that does not continue, or of the last. It has no BTF records: those of the
// parts refer to the BTF of different objects, and without them the verifier follows the context into every subprogram, as it
// must. A single part is copied. `*out` is the caller's (code_drop). FAULT_FORMAT for a part that is empty or, not being the
// last, continues on no verdict; FAULT_TOO_LARGE above the kernel's limit of instructions.
int fuse_parts(const struct fuse_part *parts, size_t count, struct code *out, struct fault *why)
	MUST_CHECK;
