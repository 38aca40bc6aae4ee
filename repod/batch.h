// SPDX-License-Identifier: Apache-2.0
// Several roles in one submission, for those that only hold together: a delegate and its hash bins, a key that changes
// in both. {"roles": [{"role": "net-3f", "document": "<the file, byte for byte>"}, ...]}
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

// At least one role, none twice.
int batch_parse(const void *data, size_t len, struct batch *out, struct fault *why) MUST_CHECK;
void batch_drop(struct batch *batch);
