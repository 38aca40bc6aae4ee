// SPDX-License-Identifier: Apache-2.0
// One repository's metadata as the loader trusts it: the fetcher's files, verified from our own pinned root and against the
// versions that we have kept.
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

// Verifies the metadata in the store, root to targets, and raises the clock floor. Only private repositories (mode "secure").
// `*out` is the caller's. FAULT_NOT_FOUND when nothing has been fetched yet; otherwise the codes of keys/client.h.
int source_open(const struct source_places *places, struct source **out, struct fault *why)
	MUST_CHECK;
// The same from the metadata that we kept when it was last verified: the store is not read, expiry is not checked (it was not
// expired then), nothing is changed. FAULT_UNTRUSTED if no root is pinned, or another one than then.
int source_open_kept(const struct source_places *places, struct source **out, struct fault *why)
	MUST_CHECK;
// Whether source_open would accept the store's metadata, with its versions and expiry. Changes nothing. FAULT_NOT_FOUND when
// nothing was ever verified here, or nothing has been fetched.
int source_look(const struct source_places *places, struct client_versions *out, struct fault *why)
	MUST_CHECK;
void source_free(struct source *source);

// The target of this path in the verified metadata. Borrowed. FAULT_UNTRUSTED when no role signs it.
int source_find(struct source *source, const char *path, const struct target **out,
		struct fault *why) MUST_CHECK;

// Stores what was verified in this run, durably, as the version floor of the next run and for restores: all of it or, after
// source_lacks, nothing. (A store that shows a new snapshot and withholds a role of it would otherwise leave us with neither
// the old state nor the new one.)
int source_settle(struct source *source, struct fault *why) MUST_CHECK;
// Marks that a file which the metadata names, and which is needed to judge by it, is missing from the store.
void source_lacks(struct source *source);
