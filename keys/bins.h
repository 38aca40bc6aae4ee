// SPDX-License-Identifier: Apache-2.0
// Hash bins (TUF 4.5, path_hash_prefixes): the target paths of one delegated role, spread over many small roles by the first
// bits of the SHA-256 of the path. A new target then changes one small file, however many targets there are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "keys/ceremony.h"

#define BINS_MIN 2
// A snapshot takes about 130 bytes for each bin, and common clients refuse one of more than 2,000,000 bytes.
#define BINS_MAX      8192
#define BINS_NAME_MAX 80

// The number of prefix bits for `count` bins. FAULT_USAGE unless it is a power of two from BINS_MIN to BINS_MAX.
int bins_bits(int64_t count, unsigned *bits, struct fault *why) MUST_CHECK;
// The name of one bin, "net-3f": as many hexadecimal digits as the last bin needs.
void bins_name(const char *role, unsigned bits, uint32_t index, char name[static BINS_NAME_MAX]);

// Replaces the delegations of `role`'s targets document by 2^bits bins, each with the keys and the threshold of `like`.
int bins_put(struct json *document, const char *role, unsigned bits, const struct holder *like,
	     struct fault *why) MUST_CHECK;
// The number of prefix bits of the bins that the document of `role` delegates to; 0 if it has no bins.
unsigned bins_of(const struct json *document, const char *role);
// Whether a list of delegations is a complete set of bins with the same keys and the same threshold, so that one line
// describes all of them.
bool bins_even(const struct json *roles);
// `*role` is the bin that a target path belongs to, borrowed from the document; NULL if the document has no bins.
int bins_route(const struct json *document, const char *path, const char **role, struct fault *why)
	MUST_CHECK;

// Writes the drafts to the ceremony directory `dir`: `role` delegates to 2^bits bins with the keys and threshold of `like`, and
// each bin has a file. Empty bins too: clients refuse a snapshot that lacks a bin which they look into. If keys or threshold
// change, every bin becomes a draft again. `expires`: seconds since 1970. `*count` is the number of files to sign.
int bins_save(const char *dir, const char *role, unsigned bits, const struct holder *like,
	      int64_t expires, size_t *count, struct fault *why) MUST_CHECK;
// Writes drafts of the next version of the role and of its bins, with a new expiry. `*count` likewise.
int bins_renew(const char *dir, const char *role, int64_t expires, size_t *count, struct fault *why)
	MUST_CHECK;
