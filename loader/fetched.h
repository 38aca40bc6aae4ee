// SPDX-License-Identifier: Apache-2.0
// What the fetcher has brought, by digest: from its store, or where its copy is missing or damaged from ours; the digest says
// that they are the same. A file is read once, from one descriptor, into memory of our own, and the digest is taken of that:
// whoever rewrites the file meanwhile changes nothing (A71).
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

// Borrowed.
struct fetched {
	int store_dirfd;  // blobs of the store; -1: there are none
	int copies_dirfd; // ours
};

// For what is parsed here: the same memory is verified and parsed. FAULT_DIGEST: neither is what was signed. FAULT_NOT_FOUND.
// FAULT_TOO_LARGE: longer than any object may be.
int fetched_read(const struct fetched *fetched, const struct sha256 *digest, uint64_t len,
		 struct bytes *out, struct fault *why) MUST_CHECK;
// For what is looked at elsewhere and loaded later: into memory that is then sealed, and the digest is taken of the sealed copy.
int fetched_seal(const struct fetched *fetched, const struct sha256 *digest, uint64_t len, int *out,
		 struct fault *why) MUST_CHECK;
