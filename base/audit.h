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

// The same for the one writer of a log that grows for years. How the log was left is kept beside it in "NAME.mark"; the
// chain is checked whole only where the file is not like that: another size, another inode, or changed since. So each
// record costs the same however many there are. `dirfd` is borrowed.
// Used by one thread at a time.
struct audit;
int audit_new(int dirfd, const char *name, struct audit **out, struct fault *why) MUST_CHECK;
void audit_free(struct audit *audit);
static inline void audit_drop(struct audit **audit)
{
	audit_free(*audit);
	*audit = NULL;
}
int audit_add(struct audit *audit, int64_t now, const char *event, struct json *details,
	      struct fault *why) MUST_CHECK;

// Checks the whole chain. FAULT_DIGEST names the first bad sequence number.
int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why) MUST_CHECK;
