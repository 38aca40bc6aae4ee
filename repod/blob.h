// SPDX-License-Identifier: Apache-2.0
// Content-addressed files: the name is the SHA-256 of the contents, so a changed file is detected.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

// FAULT_NOT_FOUND when it is not there. The descriptor is open for reading, `len` its size.
int blob_open(int dirfd, const struct sha256 *digest, int *out, uint64_t *len, struct fault *why)
	MUST_CHECK;
// Reads the whole blob and checks it against its name: FAULT_DIGEST for a damaged one.
int blob_read(int dirfd, const struct sha256 *digest, size_t max, struct bytes *out,
	      struct fault *why) MUST_CHECK;

// A file that is being received. upload_keep makes it a blob; otherwise nothing is left of it (A53).
struct upload;
int upload_begin(int dirfd, uint64_t max, struct upload **out, struct fault *why) MUST_CHECK;
// FAULT_TOO_LARGE past `max`.
int upload_add(struct upload *upload, const void *data, size_t len, struct fault *why) MUST_CHECK;
// Durable on return: contents and name. FAULT_DIGEST when the bytes do not have the digest `wanted`. `*made` is false when an
// undamaged blob was there already; a damaged one is replaced.
int upload_keep(struct upload *upload, const struct sha256 *wanted, bool *made, struct fault *why)
	MUST_CHECK;
void upload_drop(struct upload **upload);

// Removes temporaries of interrupted uploads. Must be called before the first upload.
int blob_tidy(int dirfd, size_t *removed, struct fault *why) MUST_CHECK;
