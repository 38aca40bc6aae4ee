// SPDX-License-Identifier: Apache-2.0
// A member of a running chain, found by name: where its maps are pinned, and their types, from our own copies of its object and
// manifest. Loads nothing.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/manifest.h"
#include "loader/bpffs.h"
#include "loader/meaning.h"
#include "loader/object.h"

// Where to look. Borrowed.
struct running_places {
	const char *tree;	   // bpffs_open_tree
	const struct json *record; // record_load
	int objects_dirfd;	   // our copies
};

// Which member; unset fields match any.
struct running_query {
	const char *use;   // "net/count"
	const char *iface; // NULL: any
	const char *hook;  // NULL: any
	size_t place;	   // from 1; 0: any
};

struct running {
	const char *iface, *use, *version; // borrowed from the record
	enum hook hook;
	size_t place; // from 1
	const struct json *recorded;
	char dir[BPFFS_PATH_MAX]; // where its maps are pinned
	struct bytes bytes;
	struct object *object;
	struct manifest *manifest;
	struct meaning meaning;
};
void running_drop(struct running *running);

// Finds the only member that matches. FAULT_CONFIG: with the nearest name if none does, with the list if several do.
int running_find(const struct running_places *places, const struct running_query *query,
		 struct running *out, struct fault *why) MUST_CHECK;
// The member at `index` of a recorded chain.
int running_at(const struct running_places *places, const struct json *chain, size_t index,
	       struct running *out, struct fault *why) MUST_CHECK;
// Reads its object and manifest, verified against the digests of the record, and fills in `meaning`.
int running_open(const struct running_places *places, struct running *running, struct fault *why)
	MUST_CHECK;
