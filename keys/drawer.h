// SPDX-License-Identifier: Apache-2.0
// Metadata files that lie together: those of a directory, or those that a request carries. Also who delegates to whom
// among them; each delegating file is read once, however many are judged by it.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/role.h"

struct drawer;

// The directory in which the file at `path` lies. `top` is the targets file with which delegation begins; NULL is
// targets.json in the same directory.
int drawer_of(const char *path, const char *top, struct drawer **out, struct fault *why) MUST_CHECK;
// The files of a request (name -> document), borrowed. `label` stands before their names in what people read.
int drawer_of_files(const struct json *files, const char *label, struct drawer **out,
		    struct fault *why) MUST_CHECK;
void drawer_free(struct drawer *drawer);
static inline void drawer_drop(struct drawer **drawer)
{
	drawer_free(*drawer);
	*drawer = NULL;
}

// One file, at most SIGNING_FILE_MAX bytes. FAULT_NOT_FOUND when it is not there.
int drawer_read(const struct drawer *drawer, const char *file, struct bytes *out, struct fault *why)
	MUST_CHECK;
// As a person finds it: "D/metadata/net.json". `*out` is yours.
int drawer_path(const struct drawer *drawer, const char *file, char **out, struct fault *why)
	MUST_CHECK;
// True when the file at this path lies in this directory.
bool drawer_holds(const struct drawer *drawer, const char *path);
// The last part of a path.
const char *drawer_file(const char *path);

// A targets role that delegates.
struct delegator {
	char *name;
	char *file;    // in the drawer
	bool is_given; // no: the path that the caller gave
	struct role *role;
	struct keyring *ring;
	struct json *index; // quoted role name -> place in the list
	const struct json *roles;
};
// Who delegates to the role whose quoted name is `stem` or, failing that, `other`: the nearest to the top, and the
// delegation. `*by` NULL when nobody does. `*top` is false when the file that delegation begins with is not there.
int drawer_find(struct drawer *drawer, const char *stem, const char *other,
		const struct delegator **by, const struct json **delegation, bool *top,
		struct fault *why) MUST_CHECK;
// All that delegate, from the top; NULL past the end.
int drawer_walk(struct drawer *drawer, struct fault *why) MUST_CHECK;
const struct delegator *drawer_delegator(const struct drawer *drawer, size_t index);
