// SPDX-License-Identifier: Apache-2.0
// Values that change, as a list for people: {"place","use","map","key","from","to"}, of a global variable "global" in
// the place of "map" and "key". Without "from" it was not there, without "to" it goes.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "loader/edit.h"
#include "loader/member.h"

// Both add to `list`. What is written into a running chain:
int change_of_edits(const struct edits *edits, const struct member *members, struct json *list,
		    struct fault *why) MUST_CHECK;
// What node.json says of a member now and said when it was recorded, where it is built anew. `place` is that in the chain.
int change_of_record(const struct member *member, size_t place, struct json *list,
		     struct fault *why) MUST_CHECK;

// "place 1 (net/x): limit 200 -> 300". Into `out`.
int change_text(const struct json *change, struct bytes *out, struct fault *why) MUST_CHECK;
