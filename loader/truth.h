// SPDX-License-Identifier: Apache-2.0
// The actual state of one hook, read from the kernel alone: attachment, root slot, every array of the generation.
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
	uint32_t slot; // id of the program that the tail call to this place reaches; 0: none
	uint64_t fell; // packets that fell through behind it
	size_t probes; // its probes that are still attached
	// Which of its program's maps, counted from 1, is the array that is pinned for its tail call; 0: none.
	uint32_t jumps_by;
};

// How our root is attached to its hook.
enum truth_by {
	TRUTH_BY_NONE, // not at all
	TRUTH_BY_XDP,  // a bpf_link, pinned
	TRUTH_BY_TCX,  // likewise
	TRUTH_BY_CLSACT, // a filter in our place (loader/filter.h): no link exists, only the root is pinned
};
const char *truth_by_name(enum truth_by by); // "none", "xdp", "tcx", "clsact"

// A foreign program or filter on the same hook.
struct truth_other {
	// "xdp" (on the card, or behind ours that is there), "tcx", or of a clsact filter "bpf", "flower", ...
	char kind[16];
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
	bool linked;   // our root is attached, by a pinned link or by our filter, to some interface
	bool attached; // and that interface is the one of this name now
	struct sys_link link; // of a filter: no id, its program, its interface
	bool idle; // attached by a filter that has no effect: not direct-action, or skip_sw
	bool doubled; // TC: attached by a link and by a filter, after a crash while changing from one to the other
	uint32_t iface_index; // 0: there is no such interface now
	// Of the interface that it was attached to, as stored beside the pins; 0: not stored.
	uint32_t noted_index;
	// There is no interface of this name, but the chain is attached: to one that was renamed to `now`, or to one that was
	// moved to another network namespace (then `now` is empty).
	bool elsewhere;
	char now[IFACE_NAME_MAX];
	bool renewed;		// the pins are of an earlier interface of this name, which is gone
	uint64_t revision;	// of a TCX hook, from before the rest was read
	uint32_t iface_program; // id of the program on its XDP hook, ours or not
	uint32_t card_program;	// likewise on its card
	uint8_t xdp_mode;	// XDP_ATTACHED_* of ours if it is attached, else of the foreign one
	uint32_t root_number, root_id; // 0: no complete root is pinned
	int32_t verdict;
	bool frags; // the root accepts multi-buffer packets
	bool on_card; // offloaded: the root is the whole chain as one program, and every place has its id
	char root_tag[SYS_TAG_HEX];
	uint32_t slot; // id of the program in the root's slot
	uint64_t fell; // packets that fell through behind the root
	// Foreign programs that packets meet before and after ours: TCX and clsact together, and on a card. Only where ours is
	// attached.
	struct truth_others before, after;
	bool blocked; // TC: `blocker`, a foreign filter, has the priority that ours needs
	struct truth_other blocker;
	uint32_t instead; // where ours is not attached: the first program on this hook; 0: none
	// The one that the root's slot points to; else the newest complete one; 0: none.
	uint32_t generation;
	bool entered; // the root's slot points to it
	size_t count;
	struct truth_member members[NODE_CHAIN_MAX];
	bool has_end; // a terminal program follows the last member
	uint32_t end_id, end_slot;
};

// Reads everything; what does not exist is zero. Changes nothing. FAULT_KERNEL only when the kernel does not answer.
// truth_read_at takes the directory of the pins apart from the interface's name, which may have changed since.
int truth_read_at(const char *place, const char *iface, enum hook hook, struct truth *out,
		  struct fault *why) MUST_CHECK;
int truth_read(const char *tree, const char *iface, enum hook hook, struct truth *out,
	       struct fault *why) MUST_CHECK;
// Reads only the members and the terminal program of one generation, current or not. What does not exist is zero.
int truth_of_generation(const char *place, uint32_t generation, struct truth *out,
			struct fault *why) MUST_CHECK;
