// SPDX-License-Identifier: Apache-2.0
// The snapshot role: the version of every targets role, so that a client never sees a mix of old and new (TUF 4.4).
#pragma once

#include "keys/role.h"

struct snapshot_entry {
	const char *file; // "net.json", borrowed from the document, not percent-quoted
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

// The entry of a role, borrowed, or NULL.
const struct role_meta *snapshot_find(const struct snapshot *snapshot, const char *role);

// FAULT_ROLLBACK if `next` lists a lower version of a role than `trusted`, or does not list it any more (TUF 5.5.5, A02, A03).
int snapshot_succeeds(const struct snapshot *next, const struct snapshot *trusted,
		      struct fault *why) MUST_CHECK;
