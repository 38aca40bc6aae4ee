// SPDX-License-Identifier: Apache-2.0
// The cheap look at one chain, for every second of every day: a handful of system calls on descriptors that are held,
// compared with what they said when all was well. It finds that something changed; what, the truth tells.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/hook.h"
#include "bpf/node.h"
#include "loader/keeper.h"
#include "loader/truth.h"

struct sight {
	enum hook hook;
	enum truth_by by;
	int link_fd, slot_fd; // the keeper's; -1: not looked at
	bool whole;	      // there are descriptors of all that can change
	// Counters where the kernel counts, mapped: behind the root, and behind each place; NULL: not looked at.
	const volatile uint64_t *root_counter, *counters;
	uint32_t ifindex, program, slot;
	uint64_t revision; // of a TCX hook
	size_t count;
	uint64_t fell[NODE_CHAIN_MAX + 1]; // behind the root, then behind each place
};

// What a sound chain looks like. Borrows the keeper's descriptors; `out` is zero, or was dropped.
int sight_take(enum hook hook, const struct truth *truth, const struct keeper *keeper,
	       struct sight *out, struct fault *why) MUST_CHECK;

void sight_drop(struct sight *sight);

// Whether the link, the root's slot or the hook is not as it was.
bool sight_differs(const struct sight *sight);
// How many packets have fallen through since the last time, and behind which place first (0: behind the root).
uint64_t sight_fell(struct sight *sight, size_t *place);
