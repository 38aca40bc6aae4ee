// SPDX-License-Identifier: Apache-2.0
// A chain from our own copies: what ran here before, byte for byte, while the store has nothing that can be admitted (a
// reboot during an outage, or whoever owns the store took it away). It is an admission all the same: by the last metadata
// that could be verified.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/member.h"

// What to restore, from where. Borrowed for the call.
struct restore {
	int objects_dirfd, trust_dirfd; // our copies; our kept deny lists
	struct admit *admit;		// who vouches; not asked when it runs
	const struct node *node;
	const struct node_interface *interface; // NULL: node.json does not name it
	const char *iface; // as it is called, where `interface` may be a pattern
	enum hook hook;
	const struct json *record;
	bool runs;    // the chain is in the kernel, and only what is denied shall leave it
	bool unasked; // whatever node.json asks for: a rollback, or what one holds
};

// Whether a member of it is denied and, by on_denied, may not stay.
int restore_has_denied(const struct restore *restore, bool *out, struct fault *why) MUST_CHECK;

// Makes the members of a recorded chain again, without those that are denied by now: these get a line in `*denied` (and
// a stand-in, by on_denied). Every byte is held against the digest in the record and every object against today's
// policy, and also where it stands. Where what is denied leaves a chain that runs, who breaks a rule of today leaves
// with it, but for where it stands; and unless it runs the chain against today's node.json and each member against
// verified metadata: only what the admin still asks for (or has rolled back to) and its repository still signs comes
// back. `*out` holds `*count`; free with members_free. `*denied` is yours.
int restore_members(const struct restore *restore, struct member **out, size_t *count,
		    struct json **denied, struct fault *why) MUST_CHECK;
