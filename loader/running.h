// SPDX-License-Identifier: Apache-2.0
// A member of a running chain, found by its name: where its maps are pinned, and what they mean by our own copies of its
// object and manifest. Nothing is loaded again.
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

// Which one. What is not said is open.
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
	char dir[BPFFS_PATH_MAX]; // its maps
	struct bytes bytes;
	struct object *object;
	struct manifest *manifest;
	struct meaning meaning;
};
void running_drop(struct running *running);

// The only one that fits. FAULT_CONFIG with the nearest name where none does, with all of them where several do.
int running_find(const struct running_places *places, const struct running_query *query,
		 struct running *out, struct fault *why) MUST_CHECK;
// The member at `index` of a recorded chain.
int running_at(const struct running_places *places, const struct json *chain, size_t index,
	       struct running *out, struct fault *why) MUST_CHECK;
// Reads its object and manifest, whose digests the record has: now `meaning` is there.
int running_open(const struct running_places *places, struct running *running, struct fault *why)
	MUST_CHECK;
