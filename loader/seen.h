// SPDX-License-Identifier: Apache-2.0
// What this process has found in objects so far, by their digest: a pattern may mean a thousand interfaces, and their one
// program is looked at once. Policy and manifest are held against it each time anew.
#pragma once

#include <stddef.h>

#include "base/digest.h"
#include "bpf/inspection.h"

struct seen_object;
// {0} has seen none.
struct seen {
	struct seen_object *list;
	size_t count;
};

void seen_drop(struct seen *seen);
// Yours; NULL: it has to be inspected.
struct inspection *seen_get(const struct seen *seen, const struct sha256 *object);
// At best: what cannot be noted is inspected again.
void seen_put(struct seen *seen, const struct sha256 *object, const struct inspection *inspection);
