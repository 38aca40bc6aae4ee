// SPDX-License-Identifier: Apache-2.0
// <publisher>/<name>/index.json, a signed target: which versions there are. Patterns are resolved from it and from
// nothing that a server says.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

#define INDEX_MAX (1u << 20)

// The channel that every node takes from, and the longest name of one.
#define INDEX_RELEASED	  "released"
#define INDEX_CHANNEL_MAX 32

struct index_version {
	char *version;
	char *path; // target path of the bundle
	struct sha256 sha256;
	char *channel; // INDEX_RELEASED, or one that only nodes that name it take from
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
// Takes a version out. FAULT_NOT_FOUND when it is not there.
int index_remove(struct index *index, const char *version, struct fault *why) MUST_CHECK;
// The entry of a version, or NULL. Borrowed until the index changes.
const struct index_version *index_find(const struct index *index, const char *version);
// A name that a channel may have, to be followed or promoted to; "withdrawn" is none. The refusal has `code`.
int index_channel_check(const char *channel, enum fault_code code, struct fault *why) MUST_CHECK;
// The highest version that matches and is in the channel or released, or FAULT_UNTRUSTED. Borrowed. What is released
// counts in every channel: a node that follows "tested" must not fall back when what it tests is promoted.
int index_resolve(const struct index *index, const char *pattern, const char *channel,
		  const struct index_version **out, struct fault *why) MUST_CHECK;
// The version that a use means: an exact one has to be listed, in whatever channel ("withdrawn" is none: who names a
// version has chosen it himself), a pattern is resolved. FAULT_UNTRUSTED when there is none. Borrowed.
int index_pick(const struct index *index, const char *wanted, const char *channel,
	       const struct index_version **out, struct fault *why) MUST_CHECK;
// The refusal of a bundle that has no index.
int index_missing(const char *name, struct fault *why);
// "net/count" -> "net/count/index.json". Yours.
int index_path(const char *name, char **out, struct fault *why) MUST_CHECK;
