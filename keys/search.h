// SPDX-License-Identifier: Apache-2.0
// The search for a target path through the delegations (TUF 5.6.7): depth first, in the order of the documents.
#pragma once

#include "base/fault.h"
#include "keys/targets.h"

// Gives a role as this delegator (NULL: the root) vouches for it, verified.
typedef int search_load(void *ctx, const struct targets *delegator, const char *role,
			const struct targets **out, struct fault *why);

// Asks for roles as it goes, `roles_max` below the first at most. FAULT_UNTRUSTED when none of them names the path,
// FAULT_TOO_LARGE when there were more; a role that cannot be loaded ends the search with its refusal. `*out` borrows
// from the role that names it.
int search_run(const char *path, unsigned roles_max, search_load *load, void *ctx,
	       struct target *out, struct fault *why) MUST_CHECK;
