// SPDX-License-Identifier: Apache-2.0
// Puts a few instructions before a finished program, so that a program that knows nothing of chains takes part in one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/code.h"

// Where a wrapped program goes on, and what happens when there is nothing.
struct wrap {
	const int32_t *continue_on; // the verdicts that go on to the next member
	size_t continue_count;
	int next_fd;	      // PROG_ARRAY whose slot 0 is the next member; -1: the chain ends here
	int32_t end_verdict;  // with which a packet that goes on leaves the end
	int fell_fd;	      // ARRAY of one element, a row of u64 counters
	uint32_t fell_offset; // of this member's counter in that element, bytes
	int32_t fell_verdict; // the policy's answer for a packet that fell through
	bool by_call; // the way that every verifier takes, for a program that it refused the other way
};

// Puts the wrapper before the program. Where that is possible (seam.h) each exit of the program becomes a jump into it,
// and code->sewn is set; else the wrapper calls the program as a subprogram. FAULT_FORMAT when the verdicts make no sense.
int wrap_program(const struct wrap *wrap, struct code *code, struct fault *why) MUST_CHECK;
