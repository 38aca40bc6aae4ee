// SPDX-License-Identifier: Apache-2.0
// Hash bins (TUF 4.5, path_hash_prefixes): the target paths of one delegate, spread over many small roles by the first
// bits of the path's digest, so that a new target changes one small file however many there are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "keys/ceremony.h"

#define BINS_MIN 2
// A snapshot lists every bin in about 130 bytes, and clients of the field stop at 2,000,000: 16384 would be too many.
#define BINS_MAX      8192
#define BINS_NAME_MAX 80

// The bits of a number of bins. FAULT_USAGE unless it is a power of two in the range.
int bins_bits(int64_t count, unsigned *bits, struct fault *why) MUST_CHECK;
// "net-3f", the name of one bin: as many hexadecimal digits as the last one needs.
void bins_name(const char *role, unsigned bits, uint32_t index, char name[static BINS_NAME_MAX]);

// Makes the delegations of `role`'s own document these bins, each with the keys and the threshold of `like`.
int bins_put(struct json *document, const char *role, unsigned bits, const struct holder *like,
	     struct fault *why) MUST_CHECK;
// The bits of the bins that a role's document delegates to, 0 when there are none.
unsigned bins_of(const struct json *document, const char *role);
// True when a list of delegations is a whole set of bins that share one set of keys and one threshold: then one line
// tells all of them.
bool bins_even(const struct json *roles);
// The role that a target path belongs to: the bin, or NULL when the document has no bins. Borrowed from it.
int bins_route(const struct json *document, const char *path, const char **role, struct fault *why)
	MUST_CHECK;

// The drafts of a ceremony directory: `role` delegates to its bins as `like` says, and each bin has a file; a bin that is
// missing from a snapshot stops every client that looks into it, so the empty ones are published too. Where keys or
// threshold change every bin becomes a draft again. `*count` is how many files are to be signed.
int bins_save(const char *dir, const char *role, unsigned bits, const struct holder *like,
	      int64_t expires, size_t *count, struct fault *why) MUST_CHECK;
// The next version of the role and of its bins, with a new expiry.
int bins_renew(const char *dir, const char *role, int64_t expires, size_t *count, struct fault *why)
	MUST_CHECK;
