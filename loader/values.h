// SPDX-License-Identifier: Apache-2.0
// The admin's values for one member, encoded as the bytes of its map keys, map values and variables. Encoding comes before
// anything is created in the kernel, so a value that does not fit is refused in time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/meaning.h"
#include "loader/member.h"

struct value {
	const char *map; // its name, or that of a section (".rodata"). Borrowed from the object
	const char *variable;	     // of a section; NULL: an entry of a map
	const struct json *json_key; // NULL for a variable. Borrowed from the member, as json_value
	const struct json *json_value; // as the admin wrote it
	unsigned char *key, *data;
	size_t key_len, len;
	size_t offset; // of a variable in its section
	size_t index;  // in the admin's list
};

// Sorted by map, then by key or offset.
struct values {
	struct value *list;
	size_t count;
};
void values_drop(struct values *values);

// Where the values come from, for the place in a refusal. NULL: from a record.
struct values_origin {
	const struct node *node;
	const struct node_use *use;
};

// Encodes all values. `out` is the caller's (values_drop). FAULT_CONFIG with file:line:column and the nearest name when one
// does not fit or a key occurs twice.
int values_make(const struct meaning *meaning, const struct member *member,
		const struct values_origin *origin, struct values *out, struct fault *why)
	MUST_CHECK;

// The values of one map or section: returns their number, `*first` points to the first. Borrowed.
size_t values_of(const struct values *values, const char *map, const struct value **first);
// The value whose key has these bytes, or NULL. Borrowed.
const struct value *values_find(const struct value *first, size_t count, const void *key);
