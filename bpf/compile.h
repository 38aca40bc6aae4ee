// SPDX-License-Identifier: Apache-2.0
// Runs clang on an author's own sources, always with the same arguments: the same sources give the same object in any
// directory. No shell; the environment is the one that jail_start left.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

#define COMPILE_INPUTS_MAX 256

struct compile_place {
	const char *clang;	     // a program's name or path; NULL: "clang"
	const char *dir;	     // where the sources are; clang runs there
	const char *const *includes; // absolute directories to look for headers in, after `dir`
	size_t include_count;
};

// The source files and headers that were read, without those of the system. Starts zeroed.
struct compile_inputs {
	char *names
		[COMPILE_INPUTS_MAX]; // below `dir`, or "include-1/..." below the first of `includes`; sorted
	struct sha256 sha256[COMPILE_INPUTS_MAX];
	size_t count;
};
void compile_inputs_drop(struct compile_inputs *inputs);

// Compiles `dir`/`source` and adds what it read to `inputs`. The compiler's messages go to stderr as they are.
// FAULT_OTHER when it refuses, or is not there.
int compile_source(const struct compile_place *place, const char *source, struct bytes *object,
		   struct compile_inputs *inputs, struct fault *why) MUST_CHECK;
// One line: how the compiler calls itself. `*out` is yours.
int compile_version(const struct compile_place *place, char **out, struct fault *why) MUST_CHECK;
// Of the listing that `LC_ALL=C sha256sum NAME...` prints for the inputs in their order.
int compile_inputs_digest(const struct compile_inputs *inputs, struct sha256 *out,
			  struct fault *why) MUST_CHECK;
