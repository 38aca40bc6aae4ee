// SPDX-License-Identifier: Apache-2.0
// Files: read whole under a cap, replaced so that a crash leaves old or new, found below a trusted directory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"

#define FILE_NAME_LEN 256

// Joins --root and an absolute path into a new text; root NULL or "/" gives the path itself.
int path_under(const char *root, const char *path, char **out, struct fault *why) MUST_CHECK;

// The parent directory of a path: "." for a plain name, "/" for an entry of the root. `*out` is the caller's.
int path_parent(const char *path, char **out, struct fault *why) MUST_CHECK;

// Opens a directory (O_DIRECTORY|O_CLOEXEC). FAULT_NOT_FOUND when it is not there.
int dir_open(const char *path, int *out, struct fault *why) MUST_CHECK;
// The same one level below a trusted directory; a symlink is refused.
int dir_open_at(int dirfd, const char *name, int *out, struct fault *why) MUST_CHECK;
// Makes it if it is not there (parents are not made), then opens it.
int dir_make_at(int dirfd, const char *name, mode_t mode, int *out, struct fault *why) MUST_CHECK;
// Makes every missing level of an absolute path with `mode`, then opens it.
int dir_make(const char *path, mode_t mode, int *out, struct fault *why) MUST_CHECK;
// A list of names; starts as {0}.
struct names {
	char **name;
	size_t count;
};
// The names in a directory except . and .., sorted. Replaces what `out` had. FAULT_OTHER.
int names_list(int dirfd, struct names *out, struct fault *why) MUST_CHECK;
void names_drop(struct names *names);

// Opens one regular file below dirfd for reading, no symlink followed (A69).
int file_open_at(int dirfd, const char *name, int *out, struct fault *why) MUST_CHECK;
// Reads one whole regular file, at most `max` bytes (FAULT_TOO_LARGE past it). FAULT_NOT_FOUND when absent.
int file_read_at(int dirfd, const char *name, size_t max, struct bytes *out, struct fault *why)
	MUST_CHECK;
// The same by path. The last component may be a symlink: the path is the user's own argument.
int file_read(const char *path, size_t max, struct bytes *out, struct fault *why) MUST_CHECK;
// The same from an open descriptor, from its start, with pread.
int file_read_fd(int fd, size_t max, struct bytes *out, struct fault *why) MUST_CHECK;
// Writes all of it, through short writes and EINTR.
int file_write_all(int fd, const void *data, size_t len, struct fault *why) MUST_CHECK;

// Replaces a file: temporary in the same directory, fsync, rename, fsync of the directory. The temporary's
// name starts with ".tmp-" and does not end in .json. On a refusal the old file is unchanged.
int file_replace_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		    struct fault *why) MUST_CHECK;
// Makes a file that must not exist yet (FAULT_USAGE when it does), durable.
int file_create_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		   struct fault *why) MUST_CHECK;
// The two halves of file_replace_at, without its two fsyncs: file_draft_at writes a temporary file and returns its name and
// descriptor; file_place_at renames it, or removes it if that fails.
#define FILE_DRAFT_LEN 32
int file_draft_at(int dirfd, const void *data, size_t len, mode_t mode,
		  char draft[static FILE_DRAFT_LEN], int *fd, struct fault *why) MUST_CHECK;
int file_place_at(int dirfd, const char *draft, const char *name, struct fault *why) MUST_CHECK;
// Whether the file exists with exactly these bytes.
bool file_holds_at(int dirfd, const char *name, const void *data, size_t len);
// Writes a content-addressed file: nothing if it exists with exactly these bytes; a damaged one is replaced.
int file_store_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		  struct fault *why) MUST_CHECK;
// By path: splits off the directory and does the same.
int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct fault *why)
	MUST_CHECK;
int file_create(const char *path, const void *data, size_t len, mode_t mode, struct fault *why)
	MUST_CHECK;
// Removes a file; absent is fine. Durable.
int file_remove_at(int dirfd, const char *name, struct fault *why) MUST_CHECK;
// Removes temporaries that killed writers left in this directory (not in subdirectories). The caller must hold the lock that
// excludes all writers.
int dir_sweep_temporaries(int dirfd, struct fault *why) MUST_CHECK;
int dir_sync(int dirfd, struct fault *why) MUST_CHECK;

// Takes the lock file `name` below dirfd exclusively (made if absent); waits up to wait_ms, then FAULT_BUSY.
// Closing the descriptor releases it.
int file_lock_at(int dirfd, const char *name, unsigned wait_ms, int *out, struct fault *why)
	MUST_CHECK;

// StrictModes (A96): the file behind fd is regular, owned by root or by the effective user, and nobody else
// may write it. FAULT_CONFIG with the chmod that mends it.
int file_check_owner(int fd, const char *path, struct fault *why) MUST_CHECK;
// The same for `path` and every directory above it down to `root` (NULL: "/"), none of them a symlink; a
// sticky directory owned by root may be writable.
int path_check_owner(const char *root, const char *path, struct fault *why) MUST_CHECK;
