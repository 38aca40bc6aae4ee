// SPDX-License-Identifier: Apache-2.0
// A log in which each record carries the digest of the one before it: an edit, a swap or a cut in the middle shows.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// Appends one line {"seq","time","event","details","previous"} to `name` below dirfd, durable on return. Takes over
// `details` (an object, or NULL). A torn last line (a crash) is cut off first.
int audit_append(int dirfd, const char *name, int64_t now, const char *event, struct json *details,
		 struct fault *why) MUST_CHECK;

// Checks the whole chain. FAULT_DIGEST names the first bad sequence number.
int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why) MUST_CHECK;
