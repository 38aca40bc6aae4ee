// SPDX-License-Identifier: Apache-2.0
// What has to be written into the maps of a running member so that they hold what node.json says: without loading
// anything, all of it or none.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/values.h"

struct edit {
	size_t place;		    // of the member; 0 until edits_join
	char map[64], variable[64]; // variable "": an entry of a map
	size_t offset, len;	    // of a variable
	unsigned char *key, *data;  // data NULL: the entry goes, or of an array is zero again
	int fd;			    // borrowed from the edits
	struct json *json_key, *from, *to; // for people; NULL: there is none
};

struct edits {
	struct edit *list;
	size_t count;
	int *fds;
	size_t fd_count;
};
void edits_drop(struct edits *edits);
// Moves those of the member at a place behind the others.
int edits_join(struct edits *all, struct edits *more, size_t place, struct fault *why) MUST_CHECK;

// Borrowed for the call.
struct edits_source {
	const struct meaning *meaning;
	const struct values *values; // what shall be
	const struct json *recorded; // the member as it was applied; NULL: never
	const struct json *lent;     // struct member
	const char *dir;	     // where its maps are pinned
	bool (*wants)(const void *ctx, const char *map); // NULL: all of them
	const void *ctx;
};

// The contents of a config map, and a config variable, are held against the kernel: what somebody set by hand is put back.
// Of all others, which the program writes to as well, and of shared ones, only what differs from the record is written.
// *rebuild: something can only be set before a program is loaded, or its pin is missing.
int edits_find(const struct edits_source *source, struct edits *out, bool *rebuild,
	       struct fault *why) MUST_CHECK;

// Writes them, those that go first. When one fails, what was written before it is put back.
int edits_write(const struct edits *edits, struct fault *why) MUST_CHECK;
