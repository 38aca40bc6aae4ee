// SPDX-License-Identifier: Apache-2.0
// Predicts what a plan will do to the maps and values of a chain, without changing the kernel.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// For a plan whose members and actions are decided. Encodes every value of node.json, so that one that does not fit
// is refused with its place in the file before anything is created. Fills in `maps`, `edits` and `changes` of each
// chain, and `maps_from`, `recorded` and `lent` of each member. A chain of PLAN_KEEP becomes PLAN_VALUES if its
// running maps need other values, PLAN_CHANGE if one of them can only be set by loading anew; PLAN_MOVE stays, with
// its edits. FAULT_CONFIG for a value that does not fit, and if two programs that share a map both give it values,
// since they would overwrite each other. The first refusal is returned, each chain has its own in `refused`.
int foretell_plan(struct plan *plan, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
// Frees what foretell_plan filled in for a chain.
void foretell_forget(struct plan_chain *chain);
