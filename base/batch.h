// SPDX-License-Identifier: Apache-2.0
// Several files of one directory that are made durable together: none has its name before it is, and the directory is
// synced once for all.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"

struct batch_file;

// {.dirfd = fd} is an empty one; the descriptor is borrowed.
struct batch {
	int dirfd;
	struct batch_file *files;
	size_t count;
};

// Like file_store_at, but that nothing is written before batch_settle.
int batch_store(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
		struct fault *why) MUST_CHECK;
// With the others, and not made durable: what may be lost, here too, and is known for damaged when it is read.
int batch_note(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
	       struct fault *why) MUST_CHECK;
// Writes all of them, in their order. On a refusal those that have their names are durable or may not be, and no others are
// there. The batch is empty then.
int batch_settle(struct batch *batch, struct fault *why) MUST_CHECK;
// Forgets what was not settled.
void batch_drop(struct batch *batch);
