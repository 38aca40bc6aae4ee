// SPDX-License-Identifier: Apache-2.0
// What the snapshot role says: the version of every targets role, so that no two ages mix (TUF 4.4).
#pragma once

#include "keys/role.h"

struct snapshot_entry {
	const char *file; // "net.json", borrowed from the document; not quoted as in a URL
	struct role_meta meta;
};

struct snapshot {
	struct role *role;
	struct snapshot_entry *entries; // sorted by file
	size_t count;
};

// As root_parse.
int snapshot_parse(struct role *role, struct snapshot **out, struct fault *why) MUST_CHECK;
void snapshot_free(struct snapshot *snapshot);
static inline void snapshot_drop(struct snapshot **snapshot)
{
	snapshot_free(*snapshot);
	*snapshot = NULL;
}

// What it says of a role, or NULL.
const struct role_meta *snapshot_find(const struct snapshot *snapshot, const char *role);

// Refuses (FAULT_ROLLBACK) when `next` lists a lower version of any role than `trusted`, or no longer lists it
// (TUF 5.5.5, A02, A03).
int snapshot_succeeds(const struct snapshot *next, const struct snapshot *trusted,
		      struct fault *why) MUST_CHECK;
