// SPDX-License-Identifier: Apache-2.0
// What a targets role says: files by path with length and digests, and delegations to other roles (TUF 4.5).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

// One target file, as a trusted role describes it. Borrowed from the role.
struct target {
	const char *path;
	const char *role; // who said so
	int64_t length;
	bool has_sha256, has_sha512;
	struct sha256 sha256;
	struct sha512 sha512;
	const struct json *custom; // NULL when absent
};

// Holds bytes against what was signed: the length, and every digest that is known; at least one must be known.
int target_check(const struct target *target, const void *data, size_t len, struct fault *why)
	MUST_CHECK;

struct role;
struct authority;
struct delegation;

// No delegated role has a longer name (longer ones are refused): its file must still have a name.
#define ROLE_NAME_MAX 200

// One targets role: the top-level one or a delegated one. Which authority it was checked against is trust's business;
// one role may be reached through several delegators.
struct targets {
	char *name;
	struct role *role;
	const struct json *files;
	struct keyring *keys;		// of the delegations
	struct delegation *delegations; // in the order of the document: that of the search
	size_t delegation_count;
	const struct delegation **by_name;
	struct authority *bins; // TAP 15: all bins share one authority; NULL when there are none
	unsigned bin_bits;
	const char *bin_prefix;
};

// Reads what the envelope holds. Takes over `role` when it succeeds.
int targets_parse(const char *name, struct role *role, struct targets **out, struct fault *why)
	MUST_CHECK;
void targets_free(struct targets *targets);
static inline void targets_drop(struct targets **targets)
{
	targets_free(*targets);
	*targets = NULL;
}

// Gives back what a role without delegations lists, and the bytes it came in: who it was and which version stays.
void targets_forget(struct targets *targets);

// The file at this path, if this very role lists it. `*out` borrows from the role.
bool targets_find(const struct targets *targets, const char *path, struct target *out);

// Walks the files a role lists, in the order of the document.
struct targets_walk {
	struct json_walk at;
};
bool targets_next(const struct targets *targets, struct targets_walk *walk, struct target *out);

// A role that a path is delegated to.
struct delegate {
	char name[ROLE_NAME_MAX + 1];
	bool terminating;
};
// Walks, from `*at` (0 at first), the delegated roles whose patterns match the path, in order of priority.
bool targets_delegate(const struct targets *targets, const char *path, size_t *at,
		      struct delegate *out);
// Who may sign the delegated role of this name, or NULL when this role does not delegate to it.
const struct authority *targets_authority(const struct targets *targets, const char *role);
// True when this ed25519 key may sign any role that this one delegates to.
bool targets_knows_key(const struct targets *targets, const unsigned char key[32]);

// TUF path patterns: '*' and '?' match within one segment and never a '/'; everything else is itself.
bool path_matches(const char *pattern, const char *path);
