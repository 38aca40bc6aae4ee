// SPDX-License-Identifier: Apache-2.0
// Takes chains out of the kernel.
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

// Detaches and removes every chain of the plan, or (`iface`) those of one interface. Afterwards removed chains have PLAN_REMOVE,
// others PLAN_KEEP; `*removed` is their number. All chains are tried, and removed ones are taken out of the record, before the
// first refusal is returned: a chain that fails, or a damaged log, does not keep others in the kernel.
int unload_chains(const struct unload_places *places, struct plan *plan, const char *iface,
		  size_t *removed, struct fault *why) MUST_CHECK;
