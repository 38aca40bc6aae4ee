// SPDX-License-Identifier: Apache-2.0
// A program that goes on along the chain by itself: behind each tail call of it that goes to the next member, its finished
// instructions get a few that count the packet for which nothing was there, and give it the policy's verdict (A86, A90).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/code.h"

struct fall {
	const char *next_map; // of the object, through whose slot 0 the next member is reached
	int fell_fd;	      // ARRAY of one element, a row of u64 counters
	uint32_t fell_offset; // of this member's counter in that element, bytes
	int32_t verdict;      // the policy's answer for a packet that fell through
};

// Its tail calls to the next member: those that count, and those of which the code does not show where they lead. Behind
// these the program's own verdict stands.
struct fall_ways {
	size_t counted, uncounted;
};

// "all", "some", "none": which of them count.
const char *fall_ways_word(const struct fall_ways *ways);

// `next_fd` is the number that the instructions name the next map by. A jump inside a function that the program calls only
// counts: the function returns what it likes. Nothing changes when there is nothing to count. FAULT_FORMAT when no path leads
// to the next member at all.
int fall_count(const struct fall *fall, int next_fd, struct code *code, struct fall_ways *ways,
	       struct fault *why) MUST_CHECK;
