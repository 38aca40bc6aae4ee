// SPDX-License-Identifier: Apache-2.0
// The contents of a running member's map, in the JSON that node.json would write it in.
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

// FAULT_CONFIG with the nearest name.
int peek_open(const struct running *running, const char *map, struct peek *out, struct fault *why)
	MUST_CHECK;
// "config", "counter", "gauge", "state", or "" where the manifest says nothing.
const char *peek_purpose(const struct peek *peek);

// How an entry of a per-CPU map is told: {"value"} is the sum over all CPUs, of a config map what stands on all of them;
// with `per_cpu`, or where a config map differs from CPU to CPU, {"per_cpu"} lists them.
// {"key","value"}, or {"key","value","per_cpu"}. The cell holds the entry. `*out` is yours.
int peek_entry(const struct peek *peek, bool per_cpu, struct json **out, struct fault *why)
	MUST_CHECK;
// The key that a person means, into the cell.
int peek_key(struct peek *peek, const struct json *key, struct fault *why) MUST_CHECK;

// All entries, or with `key` that one. Of a section they are its variables, by their names. *entries is an array, and yours.
int peek_entries(const struct running *running, struct peek *peek, const struct json *key,
		 bool per_cpu, struct json **entries, struct fault *why) MUST_CHECK;

// {"interface","hook","place","use","version","map","type","purpose"}.
int peek_about(const struct running *running, const struct peek *peek, struct json **out,
	       struct fault *why) MUST_CHECK;
