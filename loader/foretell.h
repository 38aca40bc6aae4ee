// SPDX-License-Identifier: Apache-2.0
// Predicts what a plan will do to the maps and values of a chain, without changing the kernel.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// For a chain whose members and action are decided. Encodes every value of node.json, so that one that does not fit is refused
// with its place in the file (FAULT_CONFIG) before anything is created; fills in chain->maps, chain->edits, chain->changes. A
// chain of PLAN_KEEP becomes PLAN_VALUES if its running maps need other values, PLAN_CHANGE if one of them can only be set by
// loading anew; PLAN_MOVE stays, with its edits.
int foretell_chain(const struct plan *plan, struct plan_chain *chain,
		   const struct plan_places *places, struct fault *why) MUST_CHECK;
// Only one of the programs that share a map may give it values in node.json, or they would overwrite each other: FAULT_CONFIG.
// Passes the values to the other programs (member->lent).
int foretell_shared(struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
// Frees what foretell_chain filled in.
void foretell_forget(struct plan_chain *chain);
