// SPDX-License-Identifier: Apache-2.0
// Keys that two pinned repositories have in common. TUF metadata does not say for which repository it was signed: if
// enough keys of a role are the same, metadata of one repository is valid for the other (A13).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "keys/root.h"

// Calls `each` for every role in which `root`, pinned or to be pinned as `name`, shares keys with another pinned
// repository. Stops at the first -1 and returns it. Skips a pin of the very same root (one repository under two
// names), and a pin that cannot be read: that one is refused wherever it is used.
struct sharedkeys {
	const char *name; // the other
	enum root_role role;
	size_t count;
	bool enough;
};
int sharedkeys_walk(const char *root_dir, const char *name, const struct root *root,
		    int (*each)(void *ctx, const struct sharedkeys *found, struct fault *why),
		    void *ctx, struct fault *why) MUST_CHECK;
