// SPDX-License-Identifier: Apache-2.0
// Reads the contents of a running member's map, as JSON in the notation of node.json.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/cell.h"
#include "loader/running.h"

// A map of a running member, or a section of its variables, open.
struct peek {
	int fd;
	struct cell cell;
	bool section;
	char name[64];		// of a section ".data"
	struct meaning_map map; // not of a section
};
void peek_drop(struct peek *peek);

// Opens a map or section by name; `out` is the caller's (peek_drop). FAULT_CONFIG with the nearest name.
int peek_open(const struct running *running, const char *map, struct peek *out, struct fault *why)
	MUST_CHECK;

// The entry that is in peek->cell, as {"key","value"} or {"key","value","per_cpu"}. Of a per-CPU map "value" is the sum over
// all CPUs, of a config map the value that all CPUs have; "per_cpu" lists the values if `per_cpu`, or if those of a config map
// differ. `*out` is the caller's.
int peek_entry(const struct peek *peek, bool per_cpu, struct json **out, struct fault *why)
	MUST_CHECK;
// Encodes a key into peek->cell. FAULT_CONFIG when it does not fit the key's type.
int peek_key(struct peek *peek, const struct json *key, struct fault *why) MUST_CHECK;

// All entries, or only that of `key`; of a section its variables, by name. `*entries` is an array, the caller's.
int peek_entries(const struct running *running, struct peek *peek, const struct json *key,
		 bool per_cpu, struct json **entries, struct fault *why) MUST_CHECK;

// {"interface","hook","place","use","version","map","type","purpose"}: what the entries are of. `*out` is the caller's.
int peek_about(const struct running *running, const struct peek *peek, struct json **out,
	       struct fault *why) MUST_CHECK;
