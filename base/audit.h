// SPDX-License-Identifier: Apache-2.0
// A log in which each record carries the digest of the one before it: an edit, a swap or a cut in the middle shows. It is
// kept in files of AUDIT_FILE_MAX bytes, the chain going on from one to the next; of the full ones (base/volume) the
// newest AUDIT_VOLUMES stay.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// A writer reads the newest file whole when it is not as it was left, so this bounds what the first record of a process costs: 15 ms for a MiB here.
#define AUDIT_FILE_MAX (256u << 10)
// 16 MiB, some 30,000 records.
#define AUDIT_VOLUMES 64

// Appends one line {"seq","time","event","details","previous"} to `name` below dirfd, durable on return. Takes over
// `details` (an object, or NULL). A torn last line (a crash) is cut off first.
int audit_append(int dirfd, const char *name, int64_t now, const char *event, struct json *details,
		 struct fault *why) MUST_CHECK;

// The same for the one writer of a log that grows for years. How the newest file was left is kept beside it in "NAME.mark":
// only where it is not like that (another size, another inode, changed since) its chain is checked again, and that it goes
// on from the file before. So each record costs the same however many there are. `dirfd` is borrowed.
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

// Checks the whole chain, through all files. FAULT_DIGEST names the first bad sequence number. Only where as many full files
// are there as are kept may the first records be missing. `records`: how many there are.
int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why) MUST_CHECK;
