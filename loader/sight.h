// SPDX-License-Identifier: Apache-2.0
// The cheap check of one chain, made about once a second: a few system calls on descriptors that are held open, compared with
// their results when the chain was sound. It tells only that something changed; truth.h reads what.
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
	int link_fd, slot_fd; // the keeper's; -1: not checked
	bool whole;	      // descriptors of everything that can change are held
	// Memory-mapped counters of packets that fell through: behind the root, and behind each place; NULL: not checked.
	const volatile uint64_t *root_counter, *counters;
	uint32_t ifindex, program, slot;
	uint64_t revision; // of a TCX hook
	size_t count;
	uint64_t fell[NODE_CHAIN_MAX + 1]; // behind the root, then behind each place
};

// Stores the state of a sound chain. Borrows the keeper's descriptors until sight_drop. `out` must be zero or dropped.
int sight_take(enum hook hook, const struct truth *truth, const struct keeper *keeper,
	       struct sight *out, struct fault *why) MUST_CHECK;

void sight_drop(struct sight *sight);

// Whether the link, the root's slot or the hook differs from the stored state.
bool sight_differs(const struct sight *sight);
// How many packets have fallen through since the last call; `*place` is the first place that lost some (0: the root).
uint64_t sight_fell(struct sight *sight, size_t *place);
