// SPDX-License-Identifier: Apache-2.0
// Static analysis of the tail calls that a program can make: through which map each goes, and how many one run can make at most.
// Pure, and bounded in the number of instructions, which are untrusted.
//
// Sound, not complete: what it reports is true of the code, and what cannot be determined is reported as unknown. The address of
// a map is tracked through registers, branches and calls of the program's own functions, not through the stack.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"

#define JUMPS_UNKNOWN (-1)
#define JUMPS_ENDLESS UINT32_MAX

// One `call bpf_tail_call` that the program can reach.
struct jumps_site {
	uint32_t insn;
	int32_t map;  // the only map that it can go through; JUMPS_UNKNOWN: it cannot be told
	int32_t slot; // the only slot, likewise
	bool in_entry; // in the program's first function: what is behind it runs only when the jump found nothing
};

struct jumps {
	struct jumps_site *sites; // in the order of the instructions
	size_t count;
	uint32_t most; // tail calls of one run; JUMPS_ENDLESS: in a loop, or it cannot be told
	bool unclear;  // the code has a form that we do not follow: there may be other sites
};
void jumps_drop(struct jumps *jumps);

// Of the program that begins at instruction `entry`. `maps[i]` is the number of the map whose address the 64-bit load at
// instruction i gives, JUMPS_UNKNOWN for any other instruction. Calls are relative, as the kernel takes them. Refuses only
// when memory is out.
int jumps_find(const struct bpf_insn *insns, size_t count, const int32_t *maps, size_t entry,
	       struct jumps *out, struct fault *why) MUST_CHECK;
