// SPDX-License-Identifier: Apache-2.0
// What the kernel says about one hook of ours, read from the kernel alone: the link, the root's slot, every array.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/iface.h"
#include "loader/sys.h"

struct truth_member {
	struct sys_program program; // the pinned one; id 0: its pin is gone
	uint32_t slot; // the program that the jump to this place really reaches; 0: none
	uint64_t fell; // packets that left it and found nothing
	size_t probes; // that ride along and still run
	// Which of its program's maps the array is that is pinned as the jump behind it, counted from 1; 0: none is.
	uint32_t jumps_by;
};

// How our root stands on its hook.
enum truth_by {
	TRUTH_BY_NONE, // not at all
	TRUTH_BY_XDP,  // a bpf_link, pinned
	TRUTH_BY_TCX,  // likewise
	TRUTH_BY_CLSACT, // a filter in our place (loader/filter.h): no link exists, only the root is pinned
};
const char *truth_by_name(enum truth_by by); // "none", "xdp", "tcx", "clsact"

// Somebody else's on the same hook.
struct truth_other {
	char kind
		[16]; // "xdp" (on the card, or behind ours that is there), "tcx", or of a clsact filter "bpf", "flower", ...
	uint32_t program_id;   // 0: a filter that is no BPF program
	uint32_t pref, handle; // of a filter
	char name[64];	       // that its owner gave a BPF filter
};

// In the order in which packets meet them.
#define TRUTH_OTHERS_MAX 16
struct truth_others {
	size_t count; // all of them; the list may be shorter
	struct truth_other list[TRUTH_OTHERS_MAX];
};

struct truth {
	enum truth_by by;
	bool linked;   // our root is attached, by a pinned link or by our filter, to whatever
	bool attached; // and to this interface, as it is now
	struct sys_link link; // of a filter: no id, its program, its interface
	bool idle; // by a filter whose verdicts nobody heeds, or that packets do not meet
	bool doubled; // TC: both by a link and by a filter, as a crash while changing from one to the other leaves it
	uint32_t iface_index; // 0: there is no such interface now
	uint32_t noted_index; // of the interface that it was attached to; 0: nothing says so
	// Where there is none of this name: the chain stands all the same, on an interface that has another name by now,
	// or in another network namespace (then `now` is empty).
	bool elsewhere;
	char now[IFACE_NAME_MAX];
	bool renewed; // what is pinned was attached to another interface of this name, which is gone from here
	uint64_t revision;	// of a TCX hook, from before the rest was read
	uint32_t iface_program; // on its XDP hook, whoever's
	uint32_t card_program;	// and on its card
	uint8_t xdp_mode;	// XDP_ATTACHED_* of its XDP hook; where ours is on it, of ours
	uint32_t root_number, root_id; // 0: no sound root is pinned
	int32_t verdict;
	bool frags; // the root takes packets in several buffers
	bool on_card; // the root is all members as one program, on a card; each place reaches it itself
	char root_tag[SYS_TAG_HEX];
	uint32_t slot; // the program the root jumps to
	uint64_t fell; // packets the root found nothing for
	// Others' on this hook: of TCX and clsact together, and on a card. Only where ours is attached.
	struct truth_others before, after;
	bool blocked; // TC: a filter of somebody else is in the place where ours would be, `blocker`
	struct truth_other blocker;
	uint32_t instead; // what stands first on this hook where ours is not attached; 0: nothing
	uint32_t generation; // the one that the slot enters; else the newest that is whole; 0: none
	bool entered;	     // the slot enters it
	size_t count;
	struct truth_member members[NODE_CHAIN_MAX];
	bool has_end; // a terminal stands behind the last member
	uint32_t end_id, end_slot;
};

// Reads it all. What is not there is zero; only a kernel that does not answer is a refusal. Changes nothing. `at`: of what
// is pinned in this place, on an interface that may have another name by now.
int truth_read_at(const char *place, const char *iface, enum hook hook, struct truth *out,
		  struct fault *why) MUST_CHECK;
int truth_read(const char *tree, const char *iface, enum hook hook, struct truth *out,
	       struct fault *why) MUST_CHECK;
// Only the places of one generation (`members`, `count`, the end), whether it is entered or not. What is not there is zero.
int truth_of_generation(const char *place, uint32_t generation, struct truth *out,
			struct fault *why) MUST_CHECK;
