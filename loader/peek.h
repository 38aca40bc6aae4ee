// SPDX-License-Identifier: Apache-2.0
// The contents of a running member's map, in the JSON that node.json would write it in.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "bpf/manifest.h"

// Where to look. Borrowed.
struct peek {
	const char *tree;	   // bpffs_open_tree
	const struct json *record; // record_load
	int objects_dirfd;	   // our copies of objects: they hold the types
};

// {"interface","hook","use","map","type","entries":[{"key","value"}]}; of per-CPU maps "value" is the sum over all
// CPUs and "per_cpu" lists them. The first member of that name counts. FAULT_NOT_FOUND becomes FAULT_CONFIG with the
// names there are. `*out` is yours.
int peek_map(const struct peek *peek, const char *iface, enum hook hook, const char *use,
	     const char *map, struct json **out, struct fault *why) MUST_CHECK;
