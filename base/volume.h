// SPDX-License-Identifier: Apache-2.0
// The files of a log that grew too long for one: "audit.log.000000000042" begins with record 42, and what follows the
// newest stands in "audit.log" itself.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

// Twelve digits, so that a listing by name is one by time.
#define VOLUME_NAME_MAX 128

struct volumes {
	uint64_t *first; // number of the first record of each, ascending
	size_t count;
};
int volume_list(int dirfd, const char *name, struct volumes *out, struct fault *why) MUST_CHECK;
void volume_drop(struct volumes *volumes);
int volume_name(const char *name, uint64_t first, char out[static VOLUME_NAME_MAX],
		struct fault *why) MUST_CHECK;

// Makes the log a volume, durable on return: a crash leaves the log or the volume. Never over another one.
int volume_make(int dirfd, const char *name, uint64_t first, struct fault *why) MUST_CHECK;
// Removes the oldest until `keep` are left.
int volume_prune(int dirfd, const char *name, size_t keep, struct fault *why) MUST_CHECK;
