// SPDX-License-Identifier: Apache-2.0
// What the kernel says about one hook of ours, read from the kernel alone: the link, the root's slot, every array.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/sys.h"

struct truth_member {
	struct sys_program program; // the pinned one; id 0: its pin is gone
	uint32_t slot; // the program that the jump to this place really reaches; 0: none
	uint64_t fell; // packets that left it and found nothing
	size_t probes; // that ride along and still run
};

struct truth {
	bool linked; // there is a pinned link
	struct sys_link link;
	uint32_t iface_index;	       // 0: there is no such interface now
	uint32_t iface_program;	       // on its XDP hook, whoever's
	uint32_t root_number, root_id; // 0: no sound root is pinned
	int32_t verdict;
	uint32_t slot;	     // the program the root jumps to
	uint64_t fell;	     // packets the root found nothing for
	uint32_t before;     // TCX: a program that runs before ours, 0 for none
	uint32_t generation; // the one that the slot enters; else the newest that is whole; 0: none
	bool entered;	     // the slot enters it
	size_t count;
	struct truth_member members[NODE_CHAIN_MAX];
	bool has_end; // a terminal stands behind the last member
	uint32_t end_id, end_slot;
};

// Reads it all. What is not there is zero; only a kernel that does not answer is a refusal. Changes nothing.
int truth_read(const char *tree, const char *iface, enum hook hook, struct truth *out,
	       struct fault *why) MUST_CHECK;
