// SPDX-License-Identifier: Apache-2.0
// The metadata files of one directory or of one signing request, and the delegations between them. A delegating file
// is read once, however many roles are looked up in it.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/role.h"

struct fileset;

// The files of the directory that `path` is in. `top` is the targets file with which delegation begins; NULL:
// targets.json of the same directory. `*out` is the caller's.
int fileset_of(const char *path, const char *top, struct fileset **out, struct fault *why)
	MUST_CHECK;
// The files of a request (name -> document). Borrows `files` and `label`, which stands before file names in messages. `*out`
// is the caller's.
int fileset_of_files(const struct json *files, const char *label, struct fileset **out,
		     struct fault *why) MUST_CHECK;
void fileset_free(struct fileset *fileset);
static inline void fileset_drop(struct fileset **fileset)
{
	fileset_free(*fileset);
	*fileset = NULL;
}

// Reads one file of at most SIGNING_FILE_MAX bytes. FAULT_NOT_FOUND, FAULT_TOO_LARGE.
int fileset_read(const struct fileset *fileset, const char *file, struct bytes *out,
		 struct fault *why) MUST_CHECK;
// The path of a file for messages, "D/metadata/net.json". `*out` is the caller's.
int fileset_path(const struct fileset *fileset, const char *file, char **out, struct fault *why)
	MUST_CHECK;
// Whether the file at this path is in this directory.
bool fileset_holds(const struct fileset *fileset, const char *path);
// The last component of a path, borrowed from it.
const char *fileset_file(const char *path);

// A targets role that delegates to others.
struct delegator {
	char *name;
	char *file;    // in the fileset
	bool is_given; // not in the fileset: the `top` that the caller named
	struct role *role;
	struct keyring *ring;
	struct json *index; // quoted role name -> place in the list
	const struct json *roles;
};
// Finds the role that delegates to the role with the quoted name `stem` or, failing that, `other`; of several the one
// nearest to the top. `*by` and `*delegation` are borrowed; `*by` is NULL if there is none. `*top` is false if the
// top file does not exist.
int fileset_find(struct fileset *fileset, const char *stem, const char *other,
		 const struct delegator **by, const struct json **delegation, bool *top,
		 struct fault *why) MUST_CHECK;
// Reads all delegating roles, from the top; fileset_delegator then returns them, NULL past the last.
int fileset_walk(struct fileset *fileset, struct fault *why) MUST_CHECK;
const struct delegator *fileset_delegator(const struct fileset *fileset, size_t index);
