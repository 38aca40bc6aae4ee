// SPDX-License-Identifier: Apache-2.0
// Attaches the root program to its hook and detaches it: by an XDP link in a mode that the admin allows; on TC by a TCX link
// where the kernel has TCX, else by a clsact filter.
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
// From an interface of node.json; for one that it does not name (NULL), the way in which the root is attached now.
struct attach_wish attach_wish(const struct node_interface *interface, enum hook hook,
			       const struct truth *truth);

// One hook. Borrowed.
struct attach {
	const char *place; // bpffs_place
	const char *iface;
	enum hook hook;
	struct attach_wish wish;
};

// Whether our root is attached already or could be. FAULT_KERNEL naming the foreign program that occupies the hook (or our
// priority on it), or the feature that the kernel lacks; FAULT_NOT_FOUND when there is no such interface.
int attach_check(const char *iface, enum hook hook, const struct attach_wish *wish,
		 const struct truth *truth, struct fault *why) MUST_CHECK;
// Whether our root is attached in a way that the admin allows.
bool attach_fits(enum hook hook, const struct attach_wish *wish, const struct truth *truth);

// Makes packets enter this root: attaches it, or replaces the program of the attachment that is there. Where the kind of
// attachment changes, the new one is made before the old one is removed; only between native and generic XDP, which exclude
// each other, is the hook empty for a moment. `how` gets a word for people ("attached (native)"). On a refusal the old root
// is still attached.
int attach_root(const struct attach *attach, const struct truth *truth, int program_fd,
		uint32_t program_id, char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;
// After attach_root: removes the attachment of the kind that was used before, if any.
int attach_tidy(const struct attach *attach, const struct truth *truth, struct fault *why)
	MUST_CHECK;
// Detaches our root: removes the link or filter, and the clsact qdisc if we made it and it is empty. Absent is fine.
int attach_remove(const char *place, struct fault *why) MUST_CHECK;
