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
void source_free(struct source *source);
// Borrowed.
struct client *source_client(const struct source *source);
