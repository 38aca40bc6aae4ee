// SPDX-License-Identifier: Apache-2.0
// The values that an apply changes, as JSON for output: {"place","use","map","key","from","to"}; for a global variable
// "global" instead of "map" and "key". No "from": the entry is new. No "to": it is removed.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "loader/edit.h"
#include "loader/member.h"

// Both append to the array `list`. From the edits that are written into a running chain:
int change_of_edits(const struct edits *edits, const struct member *members, struct json *list,
		    struct fault *why) MUST_CHECK;
// For a member that is loaded anew: node.json now against the values that were recorded. `place` is its place in the chain.
int change_of_record(const struct member *member, size_t place, struct json *list,
		     struct fault *why) MUST_CHECK;

// Appends a line such as "place 1 (net/x): limit 200 -> 300" to `out`.
int change_text(const struct json *change, struct bytes *out, struct fault *why) MUST_CHECK;
