// SPDX-License-Identifier: Apache-2.0
// <publisher>/<name>/index.json, a signed target: which versions there are. Patterns are resolved from it and from
// nothing that a server says.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

#define INDEX_MAX (1u << 20)

struct index_version {
	char *version;
	char *path; // target path of the bundle
	struct sha256 sha256;
	char *channel; // "released"
};

struct index {
	char *name; // "net/count"
	struct index_version *versions;
	size_t count;
};

int index_parse(const void *data, size_t len, struct index **out, struct fault *why) MUST_CHECK;
void index_free(struct index *index);
static inline void index_drop(struct index **index)
{
	index_free(*index);
	*index = NULL;
}
// Adds (or replaces) a version; `index` NULL-able through index_new.
int index_new(const char *name, struct index **out, struct fault *why) MUST_CHECK;
int index_add(struct index *index, const char *version, const char *path,
	      const struct sha256 *sha256, const char *channel, struct fault *why) MUST_CHECK;
int index_write(const struct index *index, struct bytes *out, struct fault *why) MUST_CHECK;
// The highest version that matches, or FAULT_UNTRUSTED. Borrowed.
int index_resolve(const struct index *index, const char *pattern, const struct index_version **out,
		  struct fault *why) MUST_CHECK;
// "net/count" -> "net/count/index.json". Yours.
int index_path(const char *name, char **out, struct fault *why) MUST_CHECK;
