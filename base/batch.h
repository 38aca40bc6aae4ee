// SPDX-License-Identifier: Apache-2.0
// Several files of one directory that are made durable together: each gets its final name only after its contents are synced,
// and the directory is synced once for all.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"

struct batch_file;

// {.dirfd = fd} is an empty one; the descriptor is borrowed.
struct batch {
	int dirfd;
	struct batch_file *files;
	size_t count, drafted;
};

// Adds a file, as file_store_at would write it. Nothing is written before batch_settle; `data` is copied.
int batch_store(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
		struct fault *why) MUST_CHECK;
// Likewise, but for a cache whose reader detects damage: the contents are not synced, and a file that cannot be written is left
// out without a refusal.
int batch_note(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
	       struct fault *why) MUST_CHECK;
// The longer half of batch_settle, ahead of it: the contents are durable under names of drafts, and no file has its own name
// yet. After a refusal the batch is empty, and nothing of it is left.
int batch_draft(struct batch *batch, struct fault *why) MUST_CHECK;
// Writes all of them, in order, and empties the batch. After a refusal some of the files may exist, durable or not; none is
// torn.
int batch_settle(struct batch *batch, struct fault *why) MUST_CHECK;
// Frees what was not settled. The descriptor stays open.
void batch_drop(struct batch *batch);
