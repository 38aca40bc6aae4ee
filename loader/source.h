// SPDX-License-Identifier: Apache-2.0
// One repository as the loader trusts it: the fetcher's set of metadata, verified from our own pinned root against our
// own kept versions.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "keys/client.h"

struct source_places {
	const char *root; // --root; may be NULL
	const char *name; // of the repository
	int store_dirfd, trust_dirfd;
	int64_t now;
};

struct source;

// Opens, verifies root to targets, and raises the clock floor. Only private repositories (mode "secure").
// FAULT_NOT_FOUND when nothing has been fetched yet.
int source_open(const struct source_places *places, struct source **out, struct fault *why)
	MUST_CHECK;
// The same from nothing but what we kept when it was last verified: the store is not looked at, expiry does not matter
// (all of it was fresh then), nothing is changed. FAULT_UNTRUSTED without a pin, or when it is another one by now.
int source_open_kept(const struct source_places *places, struct source **out, struct fault *why)
	MUST_CHECK;
// Whether source_open would take what is in the store, and until when that is good. Nothing is kept or changed.
// FAULT_NOT_FOUND when nothing was ever verified here, or nothing has been fetched.
int source_look(const struct source_places *places, struct client_versions *out, struct fault *why)
	MUST_CHECK;
void source_free(struct source *source);

// A target as the verified metadata names it, or FAULT_UNTRUSTED. Borrowed.
int source_find(struct source *source, const char *path, const struct target **out,
		struct fault *why) MUST_CHECK;

// Keeps what was verified in this run, as the floor of the next and for a restore: all of it, or, where something that it
// names could not be had, nothing. A store that shows a new snapshot and withholds a role of it would else leave us with
// neither the old state nor the new one; so it is as if it had withheld the snapshot as well.
int source_settle(struct source *source, struct fault *why) MUST_CHECK;
// Something that this state names, and that we need to judge by it, cannot be had.
void source_lacks(struct source *source);
