// SPDX-License-Identifier: Apache-2.0
// A targets role: files by path with length and digests, and delegations to other roles (TUF 4.5).
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
	const char *role; // that lists it
	int64_t length;
	bool has_sha256, has_sha512;
	struct sha256 sha256;
	struct sha512 sha512;
	const struct json *custom; // NULL when absent
};

// FAULT_DIGEST unless the bytes have the signed length and digests. At least one digest must be of a known algorithm (A18).
int target_check(const struct target *target, const void *data, size_t len, struct fault *why)
	MUST_CHECK;

struct role;
struct authority;
struct delegation;

// The longest name of a delegated role: percent-quoted and with a version it must still fit into a file name.
#define ROLE_NAME_MAX 200

// The top-level targets role or a delegated one. A role may be reached through several delegators; keys/trust.h
// verifies it against each of them.
struct targets {
	char *name;
	struct role *role;
	const struct json *files;
	struct keyring *keys;		// of the delegations
	struct delegation *delegations; // in the order of the document, which is that of the search
	size_t delegation_count;
	const struct delegation **by_name;
	struct authority *bins; // TAP 15: all bins share one authority; NULL: no such bins
	unsigned bin_bits;
	const char *bin_prefix;
};

// Parses the signed part; verifies no signature. On success `*out` is the caller's and owns `role`; after a refusal
// (FAULT_FORMAT) `role` is still the caller's.
int targets_parse(const char *name, struct role *role, struct targets **out, struct fault *why)
	MUST_CHECK;
void targets_free(struct targets *targets);
static inline void targets_drop(struct targets **targets)
{
	targets_free(*targets);
	*targets = NULL;
}

// Frees the target list and the bytes of a role without delegations; its name and version stay.
void targets_forget(struct targets *targets);

// Whether this role itself lists the path. `*out` borrows from the role.
bool targets_find(const struct targets *targets, const char *path, struct target *out);

// Iterates over the files of a role in the order of the document: false after the last. Starts as {0}.
struct targets_walk {
	struct json_walk at;
};
bool targets_next(const struct targets *targets, struct targets_walk *walk, struct target *out);

// A role that a path is delegated to.
struct delegate {
	char name[ROLE_NAME_MAX + 1];
	bool terminating;
};
// Iterates over the delegated roles whose patterns match the path, in order of priority: false after the last. `*at`
// is 0 at first.
bool targets_delegate(const struct targets *targets, const char *path, size_t *at,
		      struct delegate *out);
// Who may sign the delegated role of this name, borrowed; NULL if this role does not delegate to it.
const struct authority *targets_authority(const struct targets *targets, const char *role);
// Whether this ed25519 key may sign a role that this one delegates to.
bool targets_knows_key(const struct targets *targets, const unsigned char key[32]);

// A TUF path pattern: '*' and '?' match within one segment, never a '/' (TUF 4.5).
bool path_matches(const char *pattern, const char *path);
