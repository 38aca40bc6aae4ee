// SPDX-License-Identifier: Apache-2.0
#include "fetch/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/owned.h"

struct store {
	int dirfd, blobs, repositories, lock;
};

// A repository's name becomes a directory's; node.json allows the same alphabet.
#define STORE_NAME_MAX 64

int store_open(const char *path, unsigned wait_ms, struct store **out, struct fault *why)
{
	OWNED(store_drop) struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return fault_set(why, FAULT_OTHER, "out of memory");
	store->dirfd = store->blobs = store->repositories = store->lock = -1;
	if (dir_open(path, &store->dirfd, why))
		return fault_within(why, "cannot open the store");
	// Two fetchers at once would each sweep away what the other has just fetched (A73).
	if (file_lock_at(store->dirfd, "lock", wait_ms, &store->lock, why))
		return fault_within(why, "cannot lock the store %s", path);
	if (store_make_dir(store->dirfd, "blobs", &store->blobs, why) ||
	    store_make_dir(store->dirfd, "repo", &store->repositories, why))
		return fault_within(why, "cannot prepare the store %s", path);
	*out = HAND_OVER(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	drop_fd(&store->blobs);
	drop_fd(&store->repositories);
	drop_fd(&store->dirfd);
	drop_fd(&store->lock); // last: whoever waits may then begin
	free(store);
}

// ---- blobs ----

// Opens a blob whose bytes still are what its name says. -1 in *out: absent or damaged.
static int open_blob(const struct store *store, const struct sha256 *digest, uint64_t max,
		     uint64_t *len, int *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct sha256 found;
	char name[SHA256_HEX];

	*out = -1;
	sha256_hex(digest, name);
	if (file_open_at(store->blobs, name, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (sha256_of_fd(fd, max, &found, len, why))
		return fault_forgive(why, FAULT_TOO_LARGE);
	if (sha256_equal(&found, digest))
		*out = HAND_OVER_FD(fd);
	return 0;
}

int store_has(const struct store *store, const struct sha256 *digest, uint64_t len, bool *out,
	      struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	uint64_t found = 0;

	if (open_blob(store, digest, len, &found, &fd, why))
		return -1;
	*out = fd >= 0 && found == len;
	return 0;
}

int store_read(const struct store *store, const struct sha256 *digest, size_t max,
	       struct bytes *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_fd) int fd = -1;
	struct sha256 found;
	char name[SHA256_HEX];
	uint64_t len;

	sha256_hex(digest, name);
	if (open_blob(store, digest, max, &len, &fd, why))
		return -1;
	if (fd < 0)
		return fault_set(why, FAULT_NOT_FOUND, "the store has no whole blob %s", name);
	// Hashed once more from memory: these very bytes are what the caller goes on with.
	if (file_read_fd(fd, max, &data, why) || sha256_of(data.data, data.len, &found, why))
		return -1;
	if (!sha256_equal(&found, digest))
		return fault_set(why, FAULT_NOT_FOUND, "the store has no whole blob %s", name);
	bytes_move(out, &data);
	return 0;
}

int store_keep(const struct store *store, const struct sha256 *digest, const void *data, size_t len,
	       struct fault *why)
{
	struct sha256 found;
	char name[SHA256_HEX];

	sha256_hex(digest, name);
	if (sha256_of(data, len, &found, why))
		return -1;
	if (!sha256_equal(&found, digest))
		return fault_set(why, FAULT_DIGEST, "these bytes are not the blob %s", name);
	return file_store_at(store->blobs, name, data, len, STORE_BLOB_MODE, why);
}

// ---- directories ----

int store_make_dir(int dirfd, const char *name, int *out, struct fault *why)
{
	mode_t before = umask(027);
	int made = mkdirat(dirfd, name, 0750);
	int error = errno;

	umask(before);
	errno = error;
	if (made && errno != EEXIST)
		return fault_errno(why, FAULT_OTHER, "cannot make directory %s", name);
	if (!made && dir_sync(dirfd, why))
		return -1;
	return dir_open_at(dirfd, name, out, why);
}

int store_repository(const struct store *store, const char *name, int *out, struct fault *why)
{
	if (!name_is_plain(name, STORE_NAME_MAX))
		return fault_set(why, FAULT_CONFIG, "\"%s\" cannot be a repository's name", name);
	return store_make_dir(store->repositories, name, out, why);
}

int store_blobs_fd(const struct store *store)
{
	return store->blobs;
}

int store_repositories_fd(const struct store *store)
{
	return store->repositories;
}

int store_remove_dir(int dirfd, const char *name, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(dirfd, name, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (unlinkat(fd, names.name[i], 0))
			return fault_errno(why, FAULT_OTHER, "cannot remove %s/%s", name,
					   names.name[i]);
	if (unlinkat(dirfd, name, AT_REMOVEDIR))
		return fault_errno(why, FAULT_OTHER, "cannot remove %s", name);
	return dir_sync(dirfd, why);
}
