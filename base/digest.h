// SPDX-License-Identifier: Apache-2.0
// SHA-256 and SHA-512 of bytes and of an open file. Stands in base because the audit log and every
// content-addressed file need it; this is one of the two doors to OpenSSL (keys/sig is the other).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

#define SHA256_SIZE 32
#define SHA512_SIZE 64
#define SHA256_HEX  (2 * SHA256_SIZE + 1)

struct sha256 {
	uint8_t byte[SHA256_SIZE];
};

struct sha512 {
	uint8_t byte[SHA512_SIZE];
};

// First of all, in a program that is to end quickly: what OpenSSL holds is left to the end of the process, which need not give
// it back piece by piece. Not where secrets are held.
void digest_leave(void);

int sha256_of(const void *data, size_t len, struct sha256 *out, struct fault *why) MUST_CHECK;
int sha512_of(const void *data, size_t len, struct sha512 *out, struct fault *why) MUST_CHECK;

// Digest of a whole open regular file, read from offset 0 with pread, at most `max` bytes (more refuses
// with FAULT_TOO_LARGE). Sizes are 64 bit throughout (A19). The file offset is not used.
int sha256_of_fd(int fd, uint64_t max, struct sha256 *out, uint64_t *len, struct fault *why)
	MUST_CHECK;

// Piece by piece. digest_end() frees; digest_drop() is for the way out (OWNED). Both take NULL.
struct digest;
int digest_begin(struct digest **out, struct fault *why) MUST_CHECK;
int digest_add(struct digest *digest, const void *data, size_t len, struct fault *why) MUST_CHECK;
int digest_end(struct digest *digest, struct sha256 *out, struct fault *why) MUST_CHECK;
void digest_drop(struct digest **digest);

// Compared in constant time; nothing here is secret, but the habit costs nothing.
bool sha256_equal(const struct sha256 *a, const struct sha256 *b);
bool sha512_equal(const struct sha512 *a, const struct sha512 *b);

// "9f86..." in and out; reading accepts exactly 64 lower-case digits.
void sha256_hex(const struct sha256 *digest, char hex[static SHA256_HEX]);
int sha256_read(const char *hex, struct sha256 *out) MUST_CHECK;
int sha512_read(const char *hex, struct sha512 *out) MUST_CHECK;
