// SPDX-License-Identifier: Apache-2.0
// Content-addressed files: the name is the SHA-256 of the bytes, so nothing here can be changed, only be missing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

// FAULT_NOT_FOUND when it is not there. The descriptor is open for reading, `len` its size.
int blob_open(int dirfd, const struct sha256 *digest, int *out, uint64_t *len, struct fault *why)
	MUST_CHECK;
// Reads it whole and holds it against its name: FAULT_DIGEST for a damaged one.
int blob_read(int dirfd, const struct sha256 *digest, size_t max, struct bytes *out,
	      struct fault *why) MUST_CHECK;

// A file that is being received. It becomes a blob in upload_keep or leaves nothing (A53).
struct upload;
int upload_begin(int dirfd, uint64_t max, struct upload **out, struct fault *why) MUST_CHECK;
// FAULT_TOO_LARGE past `max`.
int upload_add(struct upload *upload, const void *data, size_t len, struct fault *why) MUST_CHECK;
// Durable on return: file, name and directory. FAULT_DIGEST when the bytes are not those of `wanted`. `*made` is false
// when a sound blob stood there already; a damaged one is replaced.
int upload_keep(struct upload *upload, const struct sha256 *wanted, bool *made, struct fault *why)
	MUST_CHECK;
void upload_drop(struct upload **upload);

// Removes what interrupted uploads left. Before the first upload only.
int blob_tidy(int dirfd, size_t *removed, struct fault *why) MUST_CHECK;
