// SPDX-License-Identifier: Apache-2.0
// Rebuilds a recorded chain from our own copies, byte for byte, when nothing can be admitted from the store (a reboot
// during an outage, or a store that was emptied). Still an admission: it needs the metadata that could be verified
// last.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/member.h"
#include "loader/plan.h"

// What to restore, from where. Borrowed for the call.
struct restore {
	int objects_dirfd, trust_dirfd; // our copies; our kept deny lists
	struct admit *admit; // answers whether members are still signed; unused if `runs`
	const struct node *node;
	const struct node_interface *interface; // NULL: node.json does not name it
	const char *iface;			// its name; `interface` may be a pattern
	enum hook hook;
	const struct json *record;
	bool runs;    // the chain is in the kernel, and only denied members shall be removed
	bool unasked; // regardless of node.json: for a rollback, or a chain that is held
};

// Our copies and deny lists, and who says what is still signed. Borrowed for the call.
struct restore_copies {
	int objects_dirfd, trust_dirfd;
	struct admit *admit;
};
// What to restore on a chain of a plan: its record, by today's node.json. The caller sets `runs` and `unasked`.
// Borrows from all three.
struct restore restore_of(const struct plan_chain *chain, const struct plan_places *places,
			  const struct restore_copies *copies);

// Whether a member of the record is denied and on_denied does not let it stay.
int restore_has_denied(const struct restore *restore, bool *out, struct fault *why) MUST_CHECK;

// Makes the members of a recorded chain from our copies, without those that are denied by now: these get a line in
// `*denied` and, by on_denied, a stand-in. What is checked:
// - every copy against the digest in the record, always;
// - every object against today's policy. If the chain runs, a member that today's policy refuses is removed together
//   with the denied ones, but the rules about its position in the chain are not applied again;
// - unless the chain runs: the chain against node.json (not if `unasked`), and each member against verified metadata.
//   So only what the admin still asks for, or has rolled back to, and its repository still signs, comes back.
// `*out` has `*count` members, to be freed with members_free. `*denied` is the caller's.
int restore_members(const struct restore *restore, struct member **out, size_t *count,
		    struct json **denied, struct fault *why) MUST_CHECK;
