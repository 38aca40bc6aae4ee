// SPDX-License-Identifier: Apache-2.0
// Which files of a ceremony directory the server was last seen to have: what each looked like to stat() and its digest,
// so that a publication need not read 100,000 targets to find the two files that changed. Only a memory: without it, or
// when it is damaged, everything is read; what it says of a file counts while the file is the very same.
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fault.h"

struct memo;

// Opens DIR/.published for reading and for memo_save: to be called before the jail is shut, which lets nothing be
// written. Where it cannot be opened the memory is empty and stays so; refuses only for want of memory.
int memo_open(const char *dir, struct memo **out, struct fault *why) MUST_CHECK;
void memo_free(struct memo *memo);
static inline void memo_drop(struct memo **memo)
{
	memo_free(*memo);
	*memo = NULL;
}

// The digest of this file, if it is as it was when that was noted. NULL is an empty memory.
bool memo_recall(struct memo *memo, const char *file, const struct stat *now, struct sha256 *out);
// Remembers it; `then` is from before it was read. One that has changed since the memory was opened is not remembered:
// another change within the same tick of the file system's clock would go unseen.
int memo_note(struct memo *memo, const char *file, const struct stat *then,
	      const struct sha256 *sha256, struct fault *why) MUST_CHECK;
// Writes what was recalled and noted, if that is not what was there. Best effort: not durable, and no refusal.
void memo_save(struct memo *memo);
