// SPDX-License-Identifier: Apache-2.0
// The root role: the keys and thresholds of the four top-level roles (TUF 4.3).
#pragma once

#include <stdbool.h>

#include "keys/role.h"

enum root_role {
	ROOT_ROOT,
	ROOT_TIMESTAMP,
	ROOT_SNAPSHOT,
	ROOT_TARGETS,
	ROOT_ROLES,
};

// "root", "timestamp", "snapshot", "targets".
const char *root_role_name(enum root_role role);

struct root {
	struct role *role;
	bool consistent_snapshot;
	const char *class; // "private" or "public"
	struct keyring *keys;
	struct authority roles[ROOT_ROLES];
};

// Parses the signed part; verifies no signature. On success `*out` is the caller's and owns `role`; after a refusal
// (FAULT_FORMAT) `role` is still the caller's.
int root_parse(struct role *role, struct root **out, struct fault *why) MUST_CHECK;
void root_free(struct root *root);
static inline void root_drop(struct root **root)
{
	root_free(*root);
	*root = NULL;
}
