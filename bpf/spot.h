// SPDX-License-Identifier: Apache-2.0
// Where in a value we are: a list on the stack from the innermost place outwards, which becomes "flow.ports[2]" only when
// something is refused.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

// Member `key`, or with key NULL item `index`, of what `up` is the way to. The value itself has no `up`.
struct spot {
	const struct spot *up;
	const struct json *parent; // the object or array in a document; NULL where there is none
	const char *key;
	size_t index;
	unsigned depth;
};

// A member of a document that can be found again (json_place). Without a parent: the whole.
struct spot_place {
	const struct json *parent;
	const char *key;
	size_t index;
};

// "flow.ports[2]"; "" for the value itself.
void spot_write(const struct spot *spot, char *out, size_t room);
// The same without the items: "flow.ports". What a manifest calls a field.
void spot_write_fields(const struct spot *spot, char *out, size_t room);
// The innermost place on the way that the document really has: what is missing stands in what it is missing from.
struct spot_place spot_place(const struct spot *spot);

// FAULT_CONFIG with the way in front. Returns -1.
int spot_refuse(const struct spot *spot, struct fault *why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
