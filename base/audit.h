// SPDX-License-Identifier: Apache-2.0
// A log in which each record carries the digest of the one before it: an edit, a swap or a cut in the middle shows. It is
// kept in files of AUDIT_FILE_MAX bytes, the chain going on from one to the next; of the full ones (base/volume) the
// newest AUDIT_VOLUMES stay.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// A writer reads the newest file whole, so this bounds what the first record of a process costs: 15 ms for a MiB here.
#define AUDIT_FILE_MAX (64u << 10)
// 16 MiB, some 30,000 records.
#define AUDIT_VOLUMES 256

// Appends one line {"seq","time","event","details","previous"} to `name` below dirfd, durable on return. Takes over
// `details` (an object, or NULL); those of more than a MiB are told as {"too_long": bytes, "sha256"}. A torn last line (a
// crash) is cut off first.
int audit_append(int dirfd, const char *name, int64_t now, const char *event, struct json *details,
		 struct fault *why) MUST_CHECK;

// The same for a process that writes many records. With the first it checks the chain of the newest file, and that this
// goes on from the file before; with others only when the file is not as it was left. `dirfd` is borrowed.
// Used by one thread at a time.
struct audit;
int audit_new(int dirfd, const char *name, struct audit **out, struct fault *why) MUST_CHECK;
void audit_free(struct audit *audit);
static inline void audit_drop(struct audit **audit)
{
	audit_free(*audit);
	*audit = NULL;
}
// Checks what the first record would, ahead of it: so that it can be done while something else takes its time. What it finds
// amiss the first record finds again. Writes nothing.
int audit_ready(struct audit *audit, struct fault *why) MUST_CHECK;
int audit_add(struct audit *audit, int64_t now, const char *event, struct json *details,
	      struct fault *why) MUST_CHECK;

// Checks the whole chain, through all files. FAULT_DIGEST names the first bad sequence number. Only where as many full files
// are there as are kept may the first records be missing. `records`: how many there are.
int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why) MUST_CHECK;
