// SPDX-License-Identifier: Apache-2.0
// The node's store, as the fetcher writes it: verified blobs by digest, and one directory for each repository.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

// The group may read: the loader is in it.
#define STORE_BLOB_MODE ((mode_t)0440)
#define STORE_META_MODE ((mode_t)0640)

// What a kill left behind starts with this, and so does every temporary of base/file.
#define STORE_TMP ".tmp-"

struct store;

// Opens (makes) the store and takes its lock, waiting up to wait_ms (FAULT_BUSY). Freeing gives the lock back.
int store_open(const char *path, unsigned wait_ms, struct store **out, struct fault *why)
	MUST_CHECK;
void store_free(struct store *store);
static inline void store_drop(struct store **store)
{
	store_free(*store);
	*store = NULL;
}

// Whether this blob exists and hashes to its name. A damaged one counts as absent, so it is fetched again.
int store_has(const struct store *store, const struct sha256 *digest, uint64_t len, bool *out,
	      struct fault *why) MUST_CHECK;
// Its bytes, hashed again. FAULT_NOT_FOUND when absent or damaged.
int store_read(const struct store *store, const struct sha256 *digest, size_t max,
	       struct bytes *out, struct fault *why) MUST_CHECK;
// Keeps verified bytes under their digest, durable. `digest` is what was signed: other bytes are FAULT_DIGEST.
int store_keep(const struct store *store, const struct sha256 *digest, const void *data, size_t len,
	       struct fault *why) MUST_CHECK;

// Opens (makes) the directory of a repository.
int store_repository(const struct store *store, const char *name, int *out, struct fault *why)
	MUST_CHECK;

// Borrowed descriptors, for the sweep.
int store_blobs_fd(const struct store *store);
int store_repositories_fd(const struct store *store);

// Makes (or opens) a directory that the group may enter and that is setgid, like its parent. The mode is set by the umask of
// this call: a chmod by a process outside the group would clear the setgid bit.
int store_make_dir(int dirfd, const char *name, int *out, struct fault *why) MUST_CHECK;

// Removes a directory of plain files, and its files; absent is fine.
int store_remove_dir(int dirfd, const char *name, struct fault *why) MUST_CHECK;
