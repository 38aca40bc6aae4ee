// SPDX-License-Identifier: Apache-2.0
// What a plan will do to the maps and values of a chain, without touching the kernel.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// For a chain whose members and action are decided: encodes every value of node.json, so that one that does not fit is told
// with its place before anything is made in the kernel; says what becomes of each map and which values change. A chain that
// is to be kept becomes one of PLAN_VALUES where its running maps want other values, or PLAN_CHANGE where one of them can
// only be set by loading anew; one that moves stays one of PLAN_MOVE and gets its values too.
int foretell_chain(const struct plan *plan, struct plan_chain *chain,
		   const struct plan_places *places, struct fault *why) MUST_CHECK;
// Values of a shared map stand with one of those that share it, or one would undo what the other says: FAULT_CONFIG. Lets
// the others know them.
int foretell_shared(struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
void foretell_forget(struct plan_chain *chain);
