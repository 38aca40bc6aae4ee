// SPDX-License-Identifier: Apache-2.0
// The hold on a chain that was rolled back: `apply` keeps it for as long as node.json still means what it was rolled back
// from. Without it the next timed apply would undo the rollback.
//
// Stored in the chain's record under HOLD_KEY: {"since", "lines", "instead_of"}. "lines" are the uses of node.json at that
// time, verbatim; "instead_of" the members that they meant, absent if that could not be told (no trusted metadata).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/member.h"

#define HOLD_KEY "held"

// Makes the JSON of a hold. `members` NULL: it is not known what the lines mean. `interface` NULL: node.json does not name it.
// `*out` is the caller's.
int hold_make(const struct node_interface *interface, enum hook hook, const struct member *members,
	      size_t count, int64_t now, struct json **out, struct fault *why) MUST_CHECK;

// The hold of a recorded chain; NULL: none. Borrowed.
const struct json *hold_of(const struct json *record);
// When it began, as text. Borrowed.
const char *hold_since(const struct json *hold);
// Whether node.json has the same uses for this chain as then.
bool hold_stands(const struct json *hold, const struct node_interface *interface, enum hook hook);
// Whether these uses also mean the same members as then: no newer version, no other digest. Members that a deny list has
// removed since are ignored.
bool hold_is_instead_of(const struct json *hold, const struct member *members, size_t count);
