// SPDX-License-Identifier: Apache-2.0
// A cache of the digests of the files in a publisher's directory, keyed by what stat() says of them, so that a publication
// need not read 100,000 targets to find the two that changed. Without it, or when it is damaged, everything is read.
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fault.h"

struct memo;

// Opens DIR/.published for reading and for memo_save; must be called before the sandbox is entered, which forbids writing. If
// it cannot be opened the cache is empty and is not saved. Refuses only when memory is out.
int memo_open(const char *dir, struct memo **out, struct fault *why) MUST_CHECK;
void memo_free(struct memo *memo);
static inline void memo_drop(struct memo **memo)
{
	memo_free(*memo);
	*memo = NULL;
}

// The digest of this file, if stat() says the same as when it was noted. `memo` NULL: an empty cache.
bool memo_recall(struct memo *memo, const char *file, const struct stat *now, struct sha256 *out);
// Stores the digest; `then` is from a stat() before the file was read. A file that was changed since the cache was opened is
// not stored: a further change within the same tick of the file system's clock could not be noticed.
int memo_note(struct memo *memo, const char *file, const struct stat *then,
	      const struct sha256 *sha256, struct fault *why) MUST_CHECK;
// Writes the entries that were used or added, if they differ from the file. Best effort: not durable, errors are ignored.
void memo_save(struct memo *memo);
