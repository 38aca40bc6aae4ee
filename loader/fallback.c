// SPDX-License-Identifier: Apache-2.0
#include "loader/fallback.h"

#include <string.h>

#include "loader/hold.h"
#include "loader/inherit.h"

// Damaged or gone. A chain that waits for its interface is neither.
static bool is_broken(const struct plan_chain *chain)
{
	return chain->interface && chain->truth.iface_index &&
	       (findings_count(&chain->damage, FINDING_BROKEN) || !chain->truth.root_id);
}

static int fall_back(struct plan_chain *chain, const struct plan_places *places,
		     const struct restore_copies *copies, struct fault *why)
{
	struct restore restore = restore_of(chain, places, copies);
	const struct json *hold = places->resume ? NULL : hold_of(chain->like);
	bool denied;

	restore.runs = chain->truth.root_id;
	restore.unasked = hold_stands(hold, chain->interface, chain->hook);

	if (restore_has_denied(&restore, &denied, why))
		return -1;
	restore.runs = denied && chain->truth.root_id;
	if (!restore.runs) {
		if (!is_broken(chain))
			return 0;
		if (chain->refused.code != FAULT_NONE &&
		    !admit_is_store_fault(chain->refused.code)) {
			*why = chain->refused;
			return -1;
		}
	}
	if (restore_members(&restore, &chain->members, &chain->count, &chain->denied, why))
		return -1;
	if (restore.unasked && json_clone(hold, &chain->hold, why))
		return -1;
	chain->action = chain->count && chain->truth.iface_index ? PLAN_REPAIR : PLAN_REMOVE;
	if (!chain->count && !chain->truth.root_id)
		chain->action = PLAN_KEEP;
	return 0;
}

void fallback_plan(struct plan *plan, const struct plan_places *places,
		   const struct restore_copies *copies)
{
	struct fault ignored = {0};

	plan->from_copies = true;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		plan_reset(chain);
		if (!json_count(json_member(chain->like, "members")))
			continue;
		if (fall_back(chain, places, copies, &chain->lost) ||
		    plan_check_total(plan, places, &chain->lost))
			plan_reset(chain);
		if (chain->action == PLAN_KEEP && chain->was[0] &&
		    strcmp(chain->was, chain->iface) != 0)
			chain->action = PLAN_MOVE;
	}
	// Without inheritance every member keeps the maps of its own name: no reason to refuse a restore.
	if (inherit_maps(plan, places->tree, false, &ignored))
		fault_clear(&ignored);
}
