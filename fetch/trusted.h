// SPDX-License-Identifier: Apache-2.0
// The metadata of one repository that the fetcher has verified so far, starting from the pinned root.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "fetch/set.h"

struct trusted {
	int dirfd;	 // repo/NAME/trusted: <role>.json, "clock", "pin"
	int roots_dirfd; // repo/NAME/roots: every root since the pin
};

// Opens the directory. If it is empty, or started from another pinned root than `pinned`, it starts anew: the old contents are
// moved to "trusted.old" and "roots.old", and the pinned root is trusted first.
int trusted_open(int repo_dirfd, const struct bytes *pinned, struct trusted *out, struct fault *why)
	MUST_CHECK;
void trusted_drop(struct trusted *trusted); // takes one with both descriptors -1

// Adds every root since the pin to a set: the loader's own chain may end at any of them.
int trusted_roots(const struct trusted *trusted, struct set *set, struct fault *why) MUST_CHECK;
