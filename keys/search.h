// SPDX-License-Identifier: Apache-2.0
// The search for a target through the delegations (TUF 5.6.7): depth first, in the order of the documents.
#pragma once

#include "base/fault.h"
#include "keys/targets.h"

// Loads and verifies a role on behalf of a delegator (NULL: the root). `*out` is borrowed by the search.
typedef int search_load(void *ctx, const struct targets *delegator, const char *role,
			const struct targets **out, struct fault *why);

// Calls `load` for each role on the way: the top-level targets and at most `roles_max` delegated ones. `*out` borrows
// from the role that lists the path. FAULT_UNTRUSTED if none does, FAULT_TOO_LARGE if there are more roles; a role
// that cannot be loaded ends the search with its refusal.
int search_run(const char *path, unsigned roles_max, search_load *load, void *ctx,
	       struct target *out, struct fault *why) MUST_CHECK;
