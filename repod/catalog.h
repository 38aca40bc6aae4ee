// SPDX-License-Identifier: Apache-2.0
// The index of the signed files: which target paths and bundles were published; and the nonces that were seen. It can be
// rebuilt from the metadata (A57), and a forged one can hide files but not change any. The only user of SQLite.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"

#define CATALOG_FILE "catalog.db"

// One open connection; used by one thread.
struct catalog;

// Opens `path`; `create` makes it and brings older schemas up. Defensive, WAL, every commit durable. A file that is no
// sound database is FAULT_FORMAT.
int catalog_open(const char *path, bool create, struct catalog **out, struct fault *why) MUST_CHECK;
void catalog_free(struct catalog *catalog);
static inline void catalog_drop(struct catalog **catalog)
{
	catalog_free(*catalog);
	*catalog = NULL;
}
// Every page and index; FAULT_DIGEST with what SQLite found.
int catalog_check(struct catalog *catalog, struct fault *why) MUST_CHECK;

// A published target file.
struct catalog_target {
	const char *path;
	struct sha256 sha256;
	int64_t length;
	const char *role;
	int64_t role_version; // of the metadata that first listed it
};

// A transaction of the one writer. After a refusal of anything inside it, catalog_undo.
int catalog_begin(struct catalog *catalog, struct fault *why) MUST_CHECK;
int catalog_commit(struct catalog *catalog, struct fault *why) MUST_CHECK;
void catalog_undo(struct catalog *catalog);
// Inside one: deletes all targets and bundles, before they are added again.
int catalog_clear(struct catalog *catalog, struct fault *why) MUST_CHECK;
// Inside one: adds a target, and a bundle if its path is <publisher>/<name>/<version>.bundle. Known ones stay as they
// are; a bundle that is known with another digest is FAULT_UNTRUSTED (A54: the database itself holds the rule).
int catalog_add(struct catalog *catalog, const struct catalog_target *target, int64_t now,
		struct fault *why) MUST_CHECK;
// Inside one: stores which state the index describes (the digest of timestamp.json); catalog_marked reads it.
int catalog_mark(struct catalog *catalog, const struct sha256 *timestamp, struct fault *why)
	MUST_CHECK;
int catalog_marked(struct catalog *catalog, bool *known, struct sha256 *timestamp,
		   struct fault *why) MUST_CHECK;

// Whether this file was ever published under this path.
int catalog_has_target(struct catalog *catalog, const char *path, const struct sha256 *sha256,
		       bool *has, struct fault *why) MUST_CHECK;
// The digest under which a bundle's path was published; `*known` false when it never was.
int catalog_bundle_digest(struct catalog *catalog, const char *path, bool *known,
			  struct sha256 *out, struct fault *why) MUST_CHECK;
// Calls `each` for every published target.
int catalog_targets(struct catalog *catalog,
		    int (*each)(void *ctx, const struct catalog_target *target, struct fault *why),
		    void *ctx, struct fault *why) MUST_CHECK;

struct catalog_bundle {
	const char *publisher, *name, *version, *path, *role;
	struct sha256 sha256;
	int64_t length, role_version, committed_at;
};
// Calls `each` for bundles in the order of their paths, starting after `after` ("": from the start), at most `limit`.
int catalog_bundles(struct catalog *catalog, const char *after, int64_t limit,
		    int (*each)(void *ctx, const struct catalog_bundle *bundle, struct fault *why),
		    void *ctx, struct fault *why) MUST_CHECK;

// Stores a nonce durably and deletes those older than `horizon` (Unix time, s). `*fresh` is false for a replay (A60).
int catalog_nonce(struct catalog *catalog, const char *nonce, int64_t now, int64_t horizon,
		  bool *fresh, struct fault *why) MUST_CHECK;
