// SPDX-License-Identifier: Apache-2.0
// Keys that two pinned repositories share. Nothing in TUF metadata says for which repository it was signed: where enough
// keys of a role are the same, what one repository signed passes for the other's (A13).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/fault.h"
#include "keys/root.h"

// How many keys speak for this role in both.
size_t sharedkeys_count(const struct root *a, const struct root *b, enum root_role role);
// Are they enough that a file of this role would pass in at least one of both for its own?
bool sharedkeys_is_enough(const struct root *a, const struct root *b, enum root_role role);

// Tells of every role in which this root shares keys with what is pinned under another name. One repository under two
// names, which is the same root, shares nothing with itself. `each` gets the other's name; it stops at the first -1.
// A pin that cannot be read shares nothing either: it is refused wherever it is used.
struct sharedkeys {
	const char *name; // the other
	enum root_role role;
	size_t count;
	bool enough;
};
int sharedkeys_walk(const char *root_dir, const char *name, const struct root *root,
		    int (*each)(void *ctx, const struct sharedkeys *found, struct fault *why),
		    void *ctx, struct fault *why) MUST_CHECK;
