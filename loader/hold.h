// SPDX-License-Identifier: Apache-2.0
// The hold of a chain that was rolled back: `apply` leaves it there for as long as node.json and the repositories ask for
// what it was rolled back from. Without it the next timer would undo a rollback.
//
// Stands in the chain's record under HOLD_KEY: {"since", "lines", "instead_of"}. "lines" is what node.json asked for then,
// word for word; "instead_of" has the members that this meant, and is absent when nobody could say (no trusted metadata).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/member.h"

#define HOLD_KEY "held"

// What a hold says. `members` NULL: it is not known what the lines mean. `interface` NULL: node.json does not name it.
int hold_make(const struct node_interface *interface, enum hook hook, const struct member *members,
	      size_t count, int64_t now, struct json **out, struct fault *why) MUST_CHECK;

// The hold of a recorded chain; NULL: none. Borrowed.
const struct json *hold_of(const struct json *record);
// When it began, for people.
const char *hold_since(const struct json *hold);
// Whether node.json still says what it said then. Of another interface or another chain it may say anything.
bool hold_stands(const struct json *hold, const struct node_interface *interface, enum hook hook);
// And whether that still means what it meant then: no newer version, no other bytes. What a deny list has taken out since
// does not count.
bool hold_is_instead_of(const struct json *hold, const struct member *members, size_t count);
