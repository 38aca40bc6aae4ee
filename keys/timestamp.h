// SPDX-License-Identifier: Apache-2.0
// The timestamp role: which snapshot is current (TUF 4.6).
#pragma once

#include "keys/role.h"

struct timestamp {
	struct role *role;
	struct role_meta snapshot;
};

// As root_parse.
int timestamp_parse(struct role *role, struct timestamp **out, struct fault *why) MUST_CHECK;
void timestamp_free(struct timestamp *timestamp);
static inline void timestamp_drop(struct timestamp **timestamp)
{
	timestamp_free(*timestamp);
	*timestamp = NULL;
}
