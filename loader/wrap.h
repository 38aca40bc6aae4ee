// SPDX-License-Identifier: Apache-2.0
// Adds the wrapper that lets a program without knowledge of chains be a member of one: a few instructions that make the tail
// call to the next member if the program's verdict continues the chain.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/code.h"

// Where the chain continues, and what happens on a fall-through.
struct wrap {
	const int32_t *continue_on; // the verdicts that go on to the next member
	size_t continue_count;
	int next_fd;	      // PROG_ARRAY whose slot 0 is the next member; -1: the chain ends here
	int32_t end_verdict;  // at the end of the chain, for a packet that would continue
	int fell_fd;	      // ARRAY of one element, which is an array of u64 counters
	uint32_t fell_offset; // of this member's counter in that element, bytes
	int32_t fell_verdict; // the policy's verdict for a packet that fell through
	bool by_call; // always call the program as a subprogram: for one that the verifier refused inlined
};

// If possible (seam.h) each exit of the program becomes a jump into the wrapper, and code->sewn is set; else the wrapper calls
// the program as a subprogram. FAULT_FORMAT when continue_on is empty, too long or has more verdicts than can be tested.
int wrap_program(const struct wrap *wrap, struct code *code, struct fault *why) MUST_CHECK;
