// SPDX-License-Identifier: Apache-2.0
// Lists of map entries as node.json and records have them, [ { "key", "value" } ], compared without regard to order. An
// allow-list has tens of thousands of entries: everything here is sorted, nothing is quadratic.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

// One list, sorted by key. Borrows from the list.
struct entries {
	struct entries_item {
		char *text; // of the key
		const struct json *key, *value;
	} * list;
	size_t count;
};
void entries_drop(struct entries *entries);
// `json` may be NULL: no entries.
int entries_sort(const struct json *json, struct entries *out, struct fault *why) MUST_CHECK;
// The value under a key of another list, or NULL.
const struct json *entries_find(const struct entries *entries, const struct entries_item *item);

// Whether two objects { MAP: LIST } hold the same values. A map without any is the same as none; "//" is a comment.
int entries_same(const struct json *maps, const struct json *other, bool *out, struct fault *why)
	MUST_CHECK;
