// SPDX-License-Identifier: Apache-2.0
// Chains out of the kernel.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/plan.h"

struct unload_places {
	const char *tree;
	int loader_dirfd;
	int64_t now;
};

// Takes out every chain of the plan, or (`iface`) those of one interface; each that is gone then has PLAN_REMOVE, the
// others PLAN_KEEP. All are tried, and what is gone is out of the record before the first refusal is told: neither one
// chain that resists nor a damaged log keeps another in the kernel.
int unload_chains(const struct unload_places *places, struct plan *plan, const char *iface,
		  size_t *removed, struct fault *why) MUST_CHECK;
