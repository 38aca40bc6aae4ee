// SPDX-License-Identifier: Apache-2.0
#include "loader/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/foretell.h"
#include "loader/hold.h"

const char *plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_KEEP] = "keep",	  [PLAN_LOAD] = "load",	    [PLAN_CHANGE] = "change",
		[PLAN_REPAIR] = "repair", [PLAN_REMOVE] = "remove", [PLAN_WAIT] = "wait",
		[PLAN_MOVE] = "move",	  [PLAN_VALUES] = "values",
	};

	return names[action];
}

bool plan_builds(enum plan_action action)
{
	return action == PLAN_LOAD || action == PLAN_CHANGE || action == PLAN_REPAIR;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		foretell_forget(chain);
		members_free(chain->members, chain->count);
		json_free(chain->denied);
		json_free(chain->hold);
		json_free(chain->put_off);
		findings_drop(&chain->damage);
	}
	free(plan->chains);
	json_free(plan->record);
	free(plan);
}

void plan_reset(struct plan_chain *chain)
{
	foretell_forget(chain);
	members_free(HAND_OVER(chain->members), chain->count);
	json_free(HAND_OVER(chain->denied));
	json_free(HAND_OVER(chain->hold));
	chain->count = 0;
	chain->action = PLAN_KEEP;
}

bool plan_is_pending(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].put_off ||
		    (plan->chains[i].action != PLAN_KEEP && plan->chains[i].action != PLAN_WAIT))
			return true;
	return false;
}

size_t plan_waiting(const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->chains[i].action == PLAN_WAIT;
	return count;
}

bool plan_is_held(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].hold)
			return true;
	return false;
}

static bool denied_differs(const struct plan_chain *chain)
{
	const struct json *recorded = json_member(chain->record, "denied");

	if (!json_count(chain->denied) && !json_count(recorded))
		return false;
	return !recorded || !json_same(recorded, chain->denied);
}

bool plan_notes_differ(const struct plan_chain *chain)
{
	// Not decided: nothing is to be said.
	return chain->denied && (denied_differs(chain) || (!chain->hold && hold_of(chain->record)));
}

bool plan_is_renewed(const struct plan *plan, const char *iface)
{
	bool renewed = false;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (strcmp(chain->iface, iface) || !chain->truth.generation)
			continue;
		if (!chain->truth.renewed)
			return false;
		renewed = true;
	}
	return renewed;
}

int plan_place(const struct plan_chain *chain, const char *tree, char place[static BPFFS_PATH_MAX],
	       struct fault *why)
{
	size_t used;

	if (bpffs_place(tree, chain->was[0] ? chain->was : chain->iface, chain->hook, place, why))
		return -1;
	// What stands there is another interface's by now: as if nothing did.
	used = strlen(place);
	if (!chain->was[0])
		snprintf(place + used, BPFFS_PATH_MAX - used, "/none");
	return 0;
}

static uint64_t add_bytes(uint64_t total, uint64_t more)
{
	return __builtin_add_overflow(total, more, &total) ? UINT64_MAX : total;
}

// A rollback plans only some chains: the maps of the others go on to exist.
static uint64_t recorded_map_bytes(const struct plan_chain *chain)
{
	const struct json *members = json_member(chain->record, "members");
	uint64_t total = 0;

	if (chain->action != PLAN_KEEP || !chain->truth.generation)
		return 0;
	for (size_t i = 0; i < json_count(members); i++)
		total = add_bytes(
			total, (uint64_t)json_int(json_member(json_item(members, i), "map_bytes")));
	return total;
}

static uint64_t plan_map_bytes(const struct plan *plan)
{
	uint64_t total = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		for (size_t k = 0; k < chain->count; k++)
			total = add_bytes(total, chain->members[k].map_bytes);
		if (!chain->count)
			total = add_bytes(total, recorded_map_bytes(chain));
	}
	return total;
}

int plan_check_total(const struct plan *plan, const struct plan_places *places, struct fault *why)
{
	return policy_check_total(&places->node->policy, plan_map_bytes(plan), why);
}
