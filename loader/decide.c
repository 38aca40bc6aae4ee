// SPDX-License-Identifier: Apache-2.0
#include "loader/decide.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/attach.h"
#include "loader/desired.h"
#include "loader/foretell.h"
#include "loader/hold.h"
#include "loader/record.h"
#include "loader/restore.h"

static bool runs_as_desired(const struct plan_chain *chain, const struct policy *policy)
{
	const struct json *members = json_member(chain->record, "members");

	if (json_count(members) != chain->count ||
	    json_int(json_member(chain->record, "generation")) != chain->truth.generation ||
	    (chain->hook != HOOK_PROBE &&
	     chain->truth.verdict != anchor_verdict(chain->hook, policy->on_fall_through_drop)))
		return false;
	for (size_t i = 0; i < chain->count; i++)
		if (!record_is_program(json_item(members, i), &chain->members[i]) ||
		    record_place(chain->record, i) != chain->members[i].place)
			return false;
	return true;
}

static bool drops_denied(const struct plan_chain *chain)
{
	return json_count(chain->denied) &&
	       (!chain->interface || chain->interface->on_denied != NODE_DENIED_KEEP);
}

static enum plan_action choose(const struct plan_chain *chain, const struct policy *policy)
{
	bool empty = !chain->truth.root_id && !chain->truth.linked && !chain->truth.generation;
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	if (!chain->count)
		return empty && json_count(chain->denied) ? PLAN_KEEP : PLAN_REMOVE;
	// The interface may have moved to another network namespace: a denied program still runs there and must go now.
	if (!chain->truth.iface_index)
		return chain->truth.elsewhere && drops_denied(chain) ? PLAN_REMOVE : PLAN_WAIT;
	if (chain->truth.renewed || (!chain->truth.root_id && !chain->truth.linked))
		return PLAN_LOAD;
	if (!runs_as_desired(chain, policy) || !attach_fits(chain->hook, &wish, &chain->truth))
		return PLAN_CHANGE;
	if (findings_count(&chain->damage, FINDING_BROKEN))
		return PLAN_REPAIR;
	return strcmp(chain->was, chain->iface) ? PLAN_MOVE : PLAN_KEEP;
}

int decide_action(struct plan_chain *chain, const struct plan_places *places, struct fault *why)
{
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	chain->action = choose(chain, &places->node->policy);
	if (!plan_builds(chain->action))
		return 0;
	if (!attach_check(chain->iface, chain->hook, &wish, &chain->truth, why))
		return 0;
	return wish.on_card && chain->interface ? fault_where(why, "%s", chain->interface->where)
						: -1;
}

// Whether the policy still allows the restored programs on this interface: restore_members does not ask that of a
// chain that runs.
static int check_held(const struct plan_chain *chain, const struct policy *policy,
		      struct fault *why)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct member *member = &chain->members[i];
		bool stands_in = !*member->from;

		if (!stands_in &&
		    policy_check_place(policy, member->name,
				       chain->hook == HOOK_PROBE ? NULL : chain->iface, why))
			return -1;
	}
	return 0;
}

static int hold_from(struct plan_chain *chain, const struct restore *restore,
		     const struct plan_places *places, struct fault *why)
{
	if (restore_members(restore, &chain->members, &chain->count, &chain->denied, why) ||
	    check_held(chain, &places->node->policy, why) ||
	    json_clone(hold_of(chain->like), &chain->hold, why) ||
	    decide_action(chain, places, why))
		return -1;
	// Rolled back to no chain, and none is there.
	if (!chain->count && !chain->truth.root_id && !chain->truth.linked)
		chain->action = PLAN_KEEP;
	return 0;
}

// Fills in what was rolled back to, from our own copies, without what is denied by now. If it is damaged or gone it
// comes back only if its repositories still sign it.
static int restore_held(struct plan_chain *chain, const struct plan_places *places,
			struct admit *admit, struct fault *why)
{
	OWNED(drop_fd) int objects = -1;
	OWNED(drop_fd) int trust = -1;
	struct restore restore;

	if (dir_open_at(places->loader_dirfd, "objects", &objects, why) ||
	    dir_open_at(places->loader_dirfd, "trust", &trust, why))
		return -1;
	restore =
		restore_of(chain, places,
			   &(struct restore_copies){
				   .objects_dirfd = objects, .trust_dirfd = trust, .admit = admit});
	restore.runs = chain->truth.root_id && !chain->damage.count;
	restore.unasked = true;
	return hold_from(chain, &restore, places, why);
}

// For a held chain whose lines in node.json are unchanged. If what was rolled back to cannot be restored, the hold
// ends and the chain follows node.json again, provided that it could be admitted (`wished`).
static int decide_held(struct plan_chain *chain, const struct plan_places *places,
		       struct admit *admit, bool wished, struct fault *why)
{
	plan_reset(chain);
	if (!restore_held(chain, places, admit, why))
		return 0;
	plan_reset(chain);
	if (!wished)
		return -1;
	chain->lost = *why;
	fault_clear(why);
	return desired_admit(chain, admit, why) ? -1 : decide_action(chain, places, why);
}

static int decide_chain(struct plan_chain *chain, const struct plan_places *places,
			struct admit *admit, struct fault *why)
{
	const struct json *hold = places->resume ? NULL : hold_of(chain->like);
	bool held = hold_stands(hold, chain->interface, chain->hook);
	bool wished = !desired_check_places(chain, &places->node->policy, why) &&
		      !desired_admit(chain, admit, why);

	// If only the store is at fault the chain may be admitted tomorrow: the hold stays and the refusal is reported.
	if (!wished && (!held || admit_is_store_fault(why->code)))
		return -1;
	if (held && (!wished || hold_is_instead_of(hold, chain->members, chain->count))) {
		fault_clear(why);
		return decide_held(chain, places, admit, wished, why);
	}
	return decide_action(chain, places, why);
}

int decide_some(struct plan *plan, const struct plan_places *places, struct admit *admit,
		bool (*wanted)(const void *ctx, const struct plan_chain *chain), const void *ctx,
		struct fault *why)
{
	struct fault first = {0};

	admit_deny(admit);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (!wanted(ctx, chain) || !decide_chain(chain, places, admit, why))
			continue;
		chain->refused = *why;
		fault_first(&first, why);
		plan_reset(chain);
	}
	if (foretell_plan(plan, places, why))
		fault_first(&first, why);
	if (plan_check_total(plan, places, why))
		fault_first(&first, why);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

static bool any_chain(const void *ctx, const struct plan_chain *chain)
{
	(void)ctx, (void)chain;
	return true;
}

int decide_all(struct plan *plan, const struct plan_places *places, struct admit *admit,
	       struct fault *why)
{
	struct fault first = {0};

	if (decide_some(plan, places, admit, any_chain, NULL, why))
		first = *why;
	plan->keeping = places->beside && first.code == FAULT_NONE ? admit : NULL;
	if (admit_settle(admit, plan->keeping, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
