// SPDX-License-Identifier: Apache-2.0
// A bundle: a deterministic tar compressed with zstd, manifest.json first. The only user of libarchive, which runs in a worker.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/custom.h"
#include "bpf/manifest.h"

#define BUNDLE_MAX	    (16u << 20) // bytes of a bundle file; the largest real object seen was 2 MiB
#define BUNDLE_UNPACKED_MAX (64u << 20) // all members together
#define BUNDLE_MEMBERS_MAX  32
#define BUNDLE_NAME_MAX	    64 // bytes of a member's name; as the manifest has it

struct bundle_member {
	char *name;
	struct bytes data;
	struct sha256 sha256;
};

// Members in archive order; the first is manifest.json, parsed and checked against all others.
struct bundle {
	struct manifest *manifest;
	struct bundle_member *members;
	size_t member_count;
};

// Packs: members sorted, mtime 0, uid 0, mode 0444. The same input gives the same bytes. The manifest's `files` are
// filled from `members` (which exclude the manifest).
int bundle_write(struct manifest *manifest, const struct bundle_member *members, size_t count,
		 struct bytes *out, struct fault *why) MUST_CHECK;

// Unpacks in a worker (base/worker): regular files only, strict names, no duplicates, caps, every member in the
// manifest and every manifest file a member, sizes and digests equal. The caller has verified the digest of `data`
// first wherever the bytes came from somebody else (A40).
int bundle_read(const void *data, size_t len, struct bundle **out, struct fault *why) MUST_CHECK;
void bundle_free(struct bundle *bundle);
static inline void bundle_drop(struct bundle **bundle)
{
	bundle_free(*bundle);
	*bundle = NULL;
}

// The worker's job itself, for a broker process that is sandboxed already; the answer is framed for bundle_decode.
int bundle_job(const void *data, size_t len, struct bytes *answer, struct fault *why);
int bundle_decode(const void *answer, size_t len, struct bundle **out, struct fault *why)
	MUST_CHECK;
