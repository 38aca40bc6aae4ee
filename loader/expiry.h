// SPDX-License-Identifier: Apache-2.0
// Until when the metadata that we keep of a repository is good, role by role, and since when we know that: written down when
// the metadata is kept, so that nobody has to read a role of a hundred thousand targets to tell it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "keys/client.h"

// Below a repository's directory of trusted metadata. Not *.json: no role's file has this name.
#define EXPIRY_FILE "expiry"

// The roles that were verified in this run, and no others. Written only when something of it changed.
int expiry_keep(int dirfd, const struct client *client, int64_t now, struct fault *why) MUST_CHECK;

struct expiry {
	char role[208];
	int64_t expires, since;
};
// Root, timestamp, snapshot and targets, and of the delegated roles the one that expires first.
#define EXPIRY_COUNT 5
// FAULT_NOT_FOUND when nothing was kept yet.
int expiry_read(int dirfd, struct expiry out[static EXPIRY_COUNT], size_t *count, struct fault *why)
	MUST_CHECK;
