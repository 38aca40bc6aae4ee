// SPDX-License-Identifier: Apache-2.0
// A complete verified set of metadata: gathered in memory, written as a directory, made current by one rename.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

#define SET_CURRENT	"current" // symlink: "sets/000000000012"
#define SET_DIRECTORY	"sets"
#define SET_NAME_DIGITS 12
#define SET_FILE_MAX	(8u << 20) // the largest file of metadata that any client takes is smaller

struct set;

int set_new(struct set **out, struct fault *why) MUST_CHECK;
void set_free(struct set *set);
static inline void set_drop(struct set **set)
{
	set_free(*set);
	*set = NULL;
}
// Adds a file under the name that a repository serves it by.
int set_add(struct set *set, const char *file, const void *data, size_t len, struct fault *why)
	MUST_CHECK;

// Makes the set current below a repository's directory. Nothing is written when the current one has the same bytes. After a
// refusal the old set is current. The previous set is kept, since a reader may be using it.
int set_switch(struct set *set, int repo_dirfd, bool *switched, struct fault *why) MUST_CHECK;

// The number of the current set, 0 when there is none (or the link is not one of ours).
int set_current(int repo_dirfd, uint64_t *number, struct fault *why) MUST_CHECK;
