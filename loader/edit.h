// SPDX-License-Identifier: Apache-2.0
// The writes that bring the maps of a running member to the values of node.json, without loading anything: all of them or
// none.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/values.h"

struct edit {
	size_t place;			   // of the member in its chain, set by edits_join
	char map[64], variable[64];	   // variable "": an entry of a map
	size_t offset, len;		   // of a variable
	unsigned char *key, *data;	   // data NULL: delete the entry, in an array zero it
	int fd;				   // borrowed from the edits
	struct json *json_key, *from, *to; // the same for output; NULL: there is none
};

struct edits {
	struct edit *list;
	size_t count;
	int *fds;
	size_t fd_count;
};
void edits_drop(struct edits *edits);
// Moves the edits of the member at `place` to the end of `all`.
int edits_join(struct edits *all, struct edits *more, size_t place, struct fault *why) MUST_CHECK;

// Borrowed for the call.
struct edits_source {
	const struct meaning *meaning;
	const struct values *values; // the target
	const struct json *recorded; // the member as it was applied; NULL: never
	const struct json *lent;     // member->lent
	const char *dir;	     // where its maps are pinned
	bool (*wants)(const void *ctx, const char *map); // NULL: all of them
	const void *ctx;
};

// Config maps and config variables are compared with the kernel, so what somebody set by hand is put back. Other maps, which
// the program writes too, and shared maps are compared with the record: only what node.json changed since is written.
// `*rebuild`: edits are not enough, since a value can only be set before the load (.rodata) or a pin is missing.
int edits_find(const struct edits_source *source, struct edits *out, bool *rebuild,
	       struct fault *why) MUST_CHECK;

// Writes them, deletions first. When one fails, those before it are undone. FAULT_KERNEL.
int edits_write(const struct edits *edits, struct fault *why) MUST_CHECK;
