// SPDX-License-Identifier: Apache-2.0
// Metadata files that lie together: those of a directory, or those that a request carries. Also who delegates to whom
// among them; each delegating file is read once, however many are judged by it.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/role.h"

struct fileset;

// The directory in which the file at `path` lies. `top` is the targets file with which delegation begins; NULL is
// targets.json in the same directory.
int fileset_of(const char *path, const char *top, struct fileset **out, struct fault *why)
	MUST_CHECK;
// The files of a request (name -> document), borrowed. `label` stands before their names in what people read.
int fileset_of_files(const struct json *files, const char *label, struct fileset **out,
		     struct fault *why) MUST_CHECK;
void fileset_free(struct fileset *fileset);
static inline void fileset_drop(struct fileset **fileset)
{
	fileset_free(*fileset);
	*fileset = NULL;
}

// One file, at most SIGNING_FILE_MAX bytes. FAULT_NOT_FOUND when it is not there.
int fileset_read(const struct fileset *fileset, const char *file, struct bytes *out,
		 struct fault *why) MUST_CHECK;
// As a person finds it: "D/metadata/net.json". `*out` is yours.
int fileset_path(const struct fileset *fileset, const char *file, char **out, struct fault *why)
	MUST_CHECK;
// True when the file at this path lies in this directory.
bool fileset_holds(const struct fileset *fileset, const char *path);
// The last part of a path.
const char *fileset_file(const char *path);

// A targets role that delegates.
struct delegator {
	char *name;
	char *file;    // in the fileset
	bool is_given; // no: the path that the caller gave
	struct role *role;
	struct keyring *ring;
	struct json *index; // quoted role name -> place in the list
	const struct json *roles;
};
// Who delegates to the role whose quoted name is `stem` or, failing that, `other`: the nearest to the top, and the
// delegation. `*by` NULL when nobody does. `*top` is false when the file that delegation begins with is not there.
int fileset_find(struct fileset *fileset, const char *stem, const char *other,
		 const struct delegator **by, const struct json **delegation, bool *top,
		 struct fault *why) MUST_CHECK;
// All that delegate, from the top; NULL past the end.
int fileset_walk(struct fileset *fileset, struct fault *why) MUST_CHECK;
const struct delegator *fileset_delegator(const struct fileset *fileset, size_t index);
