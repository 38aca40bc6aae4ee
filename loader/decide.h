// SPDX-License-Identifier: Apache-2.0
// Decides what an apply has to do: admits what node.json asks for, and compares it with what runs. A chain that was
// rolled back is held (hold.h): it stays as it is until node.json asks for something else.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "loader/admit.h"
#include "loader/plan.h"

// Decides all chains. All or nothing: if one is refused, the plan is. The first refusal is returned; each chain has
// its own in `refused`. The kernel is not changed. Verified metadata and copies are made durable, even if a chain was
// refused (admit_settle).
int decide_all(struct plan *plan, const struct plan_places *places, struct admit *admit,
	       struct fault *why) MUST_CHECK;
// Decides the chains for which `wanted` is true; all others are kept. Makes nothing durable: that takes the metadata
// of everything that node.json names, and is left to the next decide_all.
int decide_some(struct plan *plan, const struct plan_places *places, struct admit *admit,
		bool (*wanted)(const void *ctx, const struct plan_chain *chain), const void *ctx,
		struct fault *why) MUST_CHECK;

// For a chain whose members are filled in: sets its action. FAULT_KERNEL or FAULT_CONFIG if it cannot be attached to
// the hook.
int decide_action(struct plan_chain *chain, const struct plan_places *places, struct fault *why)
	MUST_CHECK;
