// SPDX-License-Identifier: Apache-2.0
// The difference between the kernel and node.json, chain by chain. scan.h starts a plan; decide.h, fallback.h or
// rollback.h completes it; apply.h carries it out.
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
	PLAN_LOAD,   // no chain of ours is there
	PLAN_CHANGE, // another chain runs
	PLAN_REPAIR, // the right chain, damaged
	PLAN_REMOVE, // node.json asks for none
	PLAN_WAIT,   // node.json asks for one; the interface does not exist
	PLAN_MOVE,   // runs as node.json says, but is pinned under the interface's former name
	PLAN_VALUES, // the right chain, but values of its maps change: nothing is loaded
};
// "keep", "load", "change", "repair", "remove", "wait", "move", "values"
const char *plan_action_name(enum plan_action action);
// Whether the action builds a new generation.
bool plan_builds(enum plan_action action);

struct plan_chain {
	char iface[64];
	char was[64]; // the name under which it is pinned and recorded (roster.h)
	enum hook hook;
	const struct node_interface *interface; // NULL: not in node.json

	// The state that was found (scan.h).
	struct truth truth;
	struct findings damage;
	const struct json *record; // of what was applied here; NULL: nothing was
	// The record to go by: `record`, or for an interface that has just come that of another interface of
	// its pattern; NULL: none.
	const struct json *like;

	// What shall run (desired.h), and what that takes (decide.h).
	struct member *members;
	size_t count;
	enum plan_action action;
	struct json *denied; // denied programs, as in denied.h; NULL: not decided
	struct json *hold;   // as in hold.h, for the new record; NULL: node.json decides
	// Rolled back while the interface is away: the record to restore when it comes.
	struct json *put_off;
	struct maps_report *maps; // one for each member, predicted (foretell.h)
	struct edits edits;	  // values to write, with PLAN_VALUES and PLAN_MOVE
	struct json *changes;	  // changed values, for the report (change.h); NULL: none
	struct fault refused;	  // why it cannot be admitted as node.json says; FAULT_NONE: it can
	struct fault lost;	  // why it could not be restored, or why its hold ended
};

struct plan {
	struct plan_chain *chains;
	size_t count;
	struct json *record;
	bool is_whole;	  // of all hooks (scan_all): what it does not name exists nowhere
	bool from_copies; // made by fallback_plan
	// Still makes durable what was admitted (admit_kept); NULL: that is done.
	struct admit *keeping;
};

// Parameters of a plan. Borrowed while it lives.
struct plan_places {
	const struct node *node;
	const char *tree;
	int loader_dirfd;
	bool resume; // ends the holds of rollbacks
	bool beside; // decide_all makes what was admitted durable in another thread (admit_settle)
};

void plan_free(struct plan *plan);
static inline void plan_drop(struct plan **plan)
{
	plan_free(*plan);
	*plan = NULL;
}
// Frees what shall run on a chain and sets PLAN_KEEP: it is as scan.h left it, but for `refused`, `lost` and
// `put_off`.
void plan_reset(struct plan_chain *chain);

// Whether something is to be done, or recorded, now.
bool plan_is_pending(const struct plan *plan);
// How many chains wait for their interface.
size_t plan_waiting(const struct plan *plan);
// Whether a chain is held as it was rolled back.
bool plan_is_held(const struct plan *plan);
// Whether the denied programs or the hold of a chain differ from its record.
bool plan_notes_differ(const struct plan_chain *chain);
// Whether this is a new interface of a known name: everything pinned under the name belonged to one that is gone.
bool plan_is_renewed(const struct plan *plan, const char *iface);
// The hook's directory in bpffs, where its pins are now. For a name whose pins belong to another interface by now: a
// directory that does not exist. FAULT_CONFIG if the path is too long.
int plan_place(const struct plan_chain *chain, const char *tree, char place[static BPFFS_PATH_MAX],
	       struct fault *why) MUST_CHECK;
// FAULT_POLICY if the maps of all chains together exceed the policy's limit. A chain that nothing was decided for
// counts with the maps that its record says.
int plan_check_total(const struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
