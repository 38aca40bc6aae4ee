// SPDX-License-Identifier: Apache-2.0
// The difference between the kernel and node.json, chain by chain.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
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
	PLAN_REMOVE, // node.json asks for none
	PLAN_WAIT,   // asks for one, and the interface is not there
	PLAN_MOVE,   // runs as node.json says, and is pinned under the interface's earlier name
	PLAN_VALUES, // the right chain, with other values: nothing is loaded
};
// "keep", "load", "change", "repair", "remove", "wait", "move", "values"
const char *plan_action_name(enum plan_action action);
// Whether a chain is to be built for it.
bool plan_builds(enum plan_action action);

struct plan_chain {
	char iface[64];
	char was[64]; // pinned and recorded under this name (loader/roster.h)
	enum hook hook;
	const struct node_interface *interface; // NULL: not in node.json
	struct member *members;			// what shall run
	size_t count;
	struct json *denied;	  // lines as in loader/denied.h; NULL: not decided
	struct json *hold;	  // as in loader/hold.h, for its record; NULL: node.json holds
	struct maps_report *maps; // of each member, foretold
	struct edits edits;	  // with PLAN_VALUES and PLAN_MOVE
	struct json *changes;	  // values that change, for people (loader/change.h); NULL: none
	struct truth truth;
	const struct json *record; // what was applied here; NULL: nothing
	const struct json *
		like; // to go by: that, or for an interface that has just come what others of its pattern have
	struct json
		*put_off; // rolled back while the interface is away: the record to come back with
	struct findings damage;
	enum plan_action action;
	struct fault refused; // why it cannot be admitted as node.json says; FAULT_NONE: it can
	struct fault lost;    // why it was not restored, or is held no longer
};

struct plan {
	struct plan_chain *chains;
	size_t count;
	struct json *record;
	bool is_whole;	       // of all that there is: what it does not name is nowhere
	bool from_copies;      // plan_restore made it
	struct admit *keeping; // makes durable what was admitted, beside all else; NULL: it is
};

// Borrowed while the plan lives.
struct plan_places {
	const struct node *node;
	const char *tree;
	int loader_dirfd;
	bool resume; // holds of rollbacks end
	bool beside; // what is admitted is made durable beside what follows (admit_settle)
};

// Admits what node.json asks for and decides each chain's action; a chain that is held (loader/hold.h) stays as it was rolled
// back. All or nothing: a refusal of one is the refusal of all, the first one's is told, each chain has its own. Nothing
// has changed then but what is kept of the metadata.
int plan_decide(struct plan *plan, const struct plan_places *places, struct admit *admit,
		struct fault *why) MUST_CHECK;
// The same of some chains only; all others are kept as they are, and of the metadata nothing is kept: that takes the
// indexes of all that node.json names, and is the next apply's.
int plan_decide_some(struct plan *plan, const struct plan_places *places, struct admit *admit,
		     bool (*wanted)(const void *ctx, const struct plan_chain *chain),
		     const void *ctx, struct fault *why) MUST_CHECK;
// Where nothing new can be admitted: our own copies and deny lists, and who vouches for them. Borrowed for the call.
struct plan_copies {
	int objects_dirfd, trust_dirfd;
	struct admit *admit;
};
struct restore;
// What to restore on a chain from them: its record, by today's node.json. The caller sets `runs` and `unasked`
// (loader/restore.h). Borrows all three.
struct restore plan_restore_of(const struct plan_chain *chain, const struct plan_places *places,
			       const struct plan_copies *copies);
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
// Whether there is something to do, or to write down, now; and how many chains wait for their interface.
bool plan_is_pending(const struct plan *plan);
size_t plan_waiting(const struct plan *plan);
// Whether a chain of it is held as it was rolled back.
bool plan_is_held(const struct plan *plan);
// Whether what is denied in a chain, or holds it, is not what its record says.
bool plan_notes_differ(const struct plan_chain *chain);

// ---- the parts, for who plans something else than node.json (loader/rollback.h) ----

// Fills in what node.json asks for.
int plan_admit(struct plan_chain *chain, struct admit *admit, struct fault *why) MUST_CHECK;
// Whether the maps of all that is filled in are within the policy's total.
int plan_check_total(const struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
// Forgets what was filled in and decided.
void plan_reset(struct plan_chain *chain);
// Decides how to get to what is filled in.
int plan_settle(struct plan_chain *chain, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
// Then, of all chains that are filled in: what becomes of their maps and values (loader/foretell.h), which may ask for
// more than has been decided. The first one's refusal is told, each chain has its own.
int plan_foretell(struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
// Whether all that is pinned for an interface stood on another one of its name, which is gone.
bool plan_is_renewed(const struct plan *plan, const char *iface);
// Where its pins are as the plan is made; what stands there and is another interface's by now is as if it were not.
int plan_place(const struct plan_chain *chain, const char *tree, char place[static BPFFS_PATH_MAX],
	       struct fault *why) MUST_CHECK;
