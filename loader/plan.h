// SPDX-License-Identifier: Apache-2.0
// The difference between the kernel and node.json, chain by chain.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/edit.h"
#include "loader/finding.h"
#include "loader/maps.h"
#include "loader/member.h"
#include "loader/truth.h"

enum plan_action {
	PLAN_KEEP,   // runs as node.json says
	PLAN_LOAD,   // nothing of ours is there yet
	PLAN_CHANGE, // another chain
	PLAN_REPAIR, // the right chain, damaged
	PLAN_VALUES, // the right chain, with other values: nothing is loaded
	PLAN_REMOVE, // node.json asks for none
};
const char *
plan_action_name(enum plan_action action); // "keep", "load", "change", "repair", "values", "remove"

struct plan_chain {
	char iface[64];
	enum hook hook;
	const struct node_interface *interface; // NULL: not in node.json
	struct member *members;			// what shall run
	size_t count;
	struct json *denied;	  // lines as in loader/denied.h; NULL: not decided
	struct maps_report *maps; // of each member, foretold
	struct edits edits;	  // with PLAN_VALUES
	struct json *changes;	  // values that change, for people (loader/change.h); NULL: none
	struct truth truth;
	const struct json *record; // what was applied here; NULL: nothing
	struct findings damage;
	enum plan_action action;
	struct fault refused; // why it cannot be admitted as node.json says; FAULT_NONE: it can
	struct fault lost;    // why it was not restored
};

struct plan {
	struct plan_chain *chains;
	size_t count;
	struct json *record;
};

// Borrowed while the plan lives.
struct plan_places {
	const struct node *node;
	const char *tree;
	int loader_dirfd;
};

// A plan of the kernel's side: every hook that node.json names or that has pins of ours, what runs and what is damaged.
// Nothing is admitted yet: what `status` shows.
int plan_look(const struct plan_places *places, struct plan **out, struct fault *why) MUST_CHECK;
// Admits what node.json asks for and decides each chain's action. All or nothing: a refusal of one is the refusal of all,
// the first one's is told, each chain has its own. Nothing has changed then but what is kept of the metadata.
int plan_decide(struct plan *plan, const struct plan_places *places, struct admit *admit,
		struct fault *why) MUST_CHECK;
// Where nothing new can be admitted: our own copies and deny lists, and who vouches for them. Borrowed for the call.
struct plan_copies {
	int objects_dirfd, trust_dirfd;
	struct admit *admit;
};
// Plans from them alone, chain by chain, after plan_decide has refused: what is denied and runs goes, or gets a stand-in;
// a recorded chain that is damaged or gone comes back, exactly it but for what is denied, when each member is still
// vouched for (admit_recorded) and nothing but the store kept it from being admitted. All else is kept as it is, with
// `lost` saying why what is gone does not come back.
void plan_restore(struct plan *plan, const struct plan_places *places,
		  const struct plan_copies *copies);
void plan_free(struct plan *plan);
static inline void plan_drop(struct plan **plan)
{
	plan_free(*plan);
	*plan = NULL;
}
bool plan_is_pending(const struct plan *plan);
// Whether what is denied in a chain is not what its record says.
bool plan_denied_differs(const struct plan_chain *chain);
