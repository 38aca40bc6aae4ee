// SPDX-License-Identifier: Apache-2.0
// Fall-through of a program that makes the tail call to the next member itself. A tail call that succeeds does not return, so
// the instructions behind it run only when the slot is empty or the limit of tail calls is reached. Instructions are inserted
// there that count the packet and give it the policy's verdict (A86, A90).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/code.h"

struct fall {
	const char *next_map; // the object's PROG_ARRAY whose slot 0 is the next member
	int fell_fd;	      // ARRAY of one element, which is an array of u64 counters
	uint32_t fell_offset; // of this member's counter in that element, bytes
	int32_t verdict;      // the policy's verdict for a packet that fell through
};

// A program's tail calls: those that are known to go to the next member and are counted, and those whose map cannot be
// determined from the code. Behind the latter the program's own verdict stands, uncounted.
struct fall_ways {
	size_t counted, uncounted;
};

// "all", "some" or "none" of them are counted.
const char *fall_ways_word(const struct fall_ways *ways);

// Inserts the instructions. `next_fd` is the descriptor by which the code names next_map. Behind a tail call in a subprogram
// the packet is only counted: the subprogram's return value need not be a verdict. FAULT_FORMAT when no tail call to the next
// member is reachable.
int fall_count(const struct fall *fall, int next_fd, struct code *code, struct fall_ways *ways,
	       struct fault *why) MUST_CHECK;
