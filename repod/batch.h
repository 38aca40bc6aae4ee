// SPDX-License-Identifier: Apache-2.0
// Several roles in one submission, for roles that are valid only together: a delegated role and its hash bins, or a key that
// changes in both. {"roles": [{"role": "net-3f", "document": "<the file, byte for byte>"}, ...]}
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

// One role's file. Borrowed.
struct submission {
	const char *role;
	const void *data;
	size_t len;
};

struct batch {
	struct json *document;
	struct submission *list;
	size_t count;
};

// Refuses an empty list and a role that occurs twice: FAULT_FORMAT. `out` is the caller's (batch_drop).
int batch_parse(const void *data, size_t len, struct batch *out, struct fault *why) MUST_CHECK;
void batch_drop(struct batch *batch);
