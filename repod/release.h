// SPDX-License-Identifier: Apache-2.0
// The committed state: the versions that timestamp.json leads to, and the keys that may sign requests. Immutable and
// reference-counted, so threads can share it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/client.h"
#include "keys/role.h"

struct release_role {
	char *name; // "targets", "net/a"
	int64_t version;
	struct role_meta meta; // of its file
	// Verified for every role that delegates to it. False for a role that no delegation leads to any more, but the snapshot
	// still lists.
	bool verified;
	bool leaf; // it delegates to nobody
};

// A key that may sign requests. It is found by the id that metadata lists it under, or by its own (TUF 4.2).
struct release_key {
	char id[65];
	unsigned char key[32];
};

struct release {
	// Those of timestamp, snapshot, targets are 0 before the first publication.
	struct client_versions versions;
	struct bytes root, timestamp, snapshot; // as served; empty likewise
	struct sha256 timestamp_sha256;
	struct release_role *roles; // what the snapshot lists, sorted by name
	size_t role_count;
	size_t checked; // how many of them were read and verified for this very release
	struct release_key *keys;
	size_t key_count;
	unsigned references;
};

struct vouch;

// Made from a client that has verified everything except what `vouch` (NULL: nothing) let it skip; before the first publication
// only the roots. `*out` is the caller's reference.
int release_new(const struct client *client, const struct vouch *vouch, struct release **out,
		struct fault *why) MUST_CHECK;
struct release *release_keep(struct release *release);
void release_free(struct release *release);
static inline void release_drop(struct release **release)
{
	release_free(*release);
	*release = NULL;
}

const struct release_role *release_role(const struct release *release, const char *role);
// Whether this version of the role's file was committed, now or earlier. Role "timestamp" has version 0.
bool release_shows(const struct release *release, const char *role, int64_t version);
// The public key with this id, if it may sign requests; else NULL. Borrowed.
const unsigned char *release_knows(const struct release *release, const char *key_id);
// The snapshot's `meta` object, for the signer to change. `*out` is yours.
int release_meta(const struct release *release, struct json **out, struct fault *why) MUST_CHECK;

// Splits "7.net.json" or "timestamp.json" (version 0); the name is not quoted. False when it is no such name.
#define RELEASE_ROLE_MAX 256
bool release_file_split(const char *file, int64_t *version, char role[static RELEASE_ROLE_MAX]);
// "%2F" -> "/", once. False for a broken escape, an escaped NUL, or a text longer than room - 1.
bool release_unquote(const char *quoted, char *out, size_t room);
