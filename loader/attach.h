// SPDX-License-Identifier: Apache-2.0
// How a root gets onto its hook and off it: an XDP link in the mode that the admin chose; on TC a TCX link where the
// kernel has it, else a clsact filter.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/truth.h"

#define ATTACH_HOW 64

// What the admin allows.
struct attach_wish {
	bool native_ok, generic_ok; // XDP modes
	bool on_card;		    // XDP on the card, and in no other mode
	enum node_tc_attach tc;
};
// Of an interface of node.json; of one that it does not name (NULL), whatever stands there now.
struct attach_wish attach_wish(const struct node_interface *interface, enum hook hook,
			       const struct truth *truth);

// One hook. Borrowed.
struct attach {
	const char *place; // bpffs_place
	const char *iface;
	enum hook hook;
	struct attach_wish wish;
};

// FAULT_KERNEL naming who holds the hook, or the place on it that ours needs, or what the kernel lacks; FAULT_NOT_FOUND
// when there is no such interface. Fine where ours stands, or nobody is in the way.
int attach_check(const char *iface, enum hook hook, const struct attach_wish *wish,
		 const struct truth *truth, struct fault *why) MUST_CHECK;
// Whether ours stands there in a way that the admin allows.
bool attach_fits(enum hook hook, const struct attach_wish *wish, const struct truth *truth);

// Makes this root the one that packets meet: attaches it, or puts it under the attachment that is there. Where the way has
// changed, the new one stands first; two XDP modes of the host exclude each other, so there the hook is empty for a moment. `how`
// gets a word for people. On a refusal what stood there stands there still.
int attach_root(const struct attach *attach, const struct truth *truth, int program_fd,
		uint32_t program_id, char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;
// After that: takes away what is left of the other way.
int attach_tidy(const struct attach *attach, const struct truth *truth, struct fault *why)
	MUST_CHECK;
// Takes our root off the hook of a place: the link, the filter, the qdisc if it was ours and is empty. Absent is fine.
int attach_remove(const char *place, struct fault *why) MUST_CHECK;
