// SPDX-License-Identifier: Apache-2.0
// When the kept metadata of a repository expires, role by role, and when each role was first seen in that version. Stored
// beside the metadata, so that `status` need not parse a role of a hundred thousand targets to tell it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "keys/client.h"

// Below a repository's directory of trusted metadata. Not *.json: no role's file has this name.
#define EXPIRY_FILE "expiry"

// Stores the expiry of the roles that `client` verified in this run. Writes only when something changed. `now`: Unix time, s.
int expiry_keep(int dirfd, const struct client *client, int64_t now, struct fault *why) MUST_CHECK;

struct expiry {
	char role[208];
	int64_t expires, since; // Unix time, s
};
// Root, timestamp, snapshot and targets; of the delegated roles only the one that expires first.
#define EXPIRY_COUNT 5
// FAULT_NOT_FOUND when nothing was stored yet.
int expiry_read(int dirfd, struct expiry out[static EXPIRY_COUNT], size_t *count, struct fault *why)
	MUST_CHECK;
