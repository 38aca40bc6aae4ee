// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/owned.h"

struct digest {
	EVP_MD_CTX *context;
};

void digest_leave(void)
{
	// Refused, it is tidied up as ever.
	(void)!OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static int failed(struct fault *why)
{
	return fault_set(why, FAULT_OTHER, "the digest could not be computed (OpenSSL)");
}

int sha256_of(const void *data, size_t len, struct sha256 *out, struct fault *why)
{
	unsigned size = 0;

	if (EVP_Digest(data, len, out->byte, &size, EVP_sha256(), NULL) != 1 || size != SHA256_SIZE)
		return failed(why);
	return 0;
}

int sha512_of(const void *data, size_t len, struct sha512 *out, struct fault *why)
{
	unsigned size = 0;

	if (EVP_Digest(data, len, out->byte, &size, EVP_sha512(), NULL) != 1 || size != SHA512_SIZE)
		return failed(why);
	return 0;
}

int digest_begin(struct digest **out, struct fault *why)
{
	OWNED(digest_drop) struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return fault_set(why, FAULT_OTHER, "out of memory");
	digest->context = EVP_MD_CTX_new();
	if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
		return failed(why);
	*out = HAND_OVER(digest);
	return 0;
}

int digest_add(struct digest *digest, const void *data, size_t len, struct fault *why)
{
	return EVP_DigestUpdate(digest->context, data, len) == 1 ? 0 : failed(why);
}

int digest_end(struct digest *digest, struct sha256 *out, struct fault *why)
{
	unsigned size = 0;
	int done = EVP_DigestFinal_ex(digest->context, out->byte, &size);

	digest_drop(&digest);
	return done == 1 && size == SHA256_SIZE ? 0 : failed(why);
}

void digest_drop(struct digest **digest)
{
	if (!*digest)
		return;
	EVP_MD_CTX_free((*digest)->context);
	free(*digest);
	*digest = NULL;
}

int sha256_of_fd(int fd, uint64_t max, struct sha256 *out, uint64_t *len, struct fault *why)
{
	OWNED(digest_drop) struct digest *digest = NULL;
	unsigned char piece[65536];
	uint64_t total = 0;

	if (digest_begin(&digest, why))
		return -1;
	for (;;) {
		ssize_t got = pread(fd, piece, sizeof(piece), (off_t)total);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read");
		if (got == 0)
			break;
		total += (uint64_t)got;
		if (total > max)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the file has more than %" PRIu64 " bytes", max);
		if (digest_add(digest, piece, (size_t)got, why))
			return -1;
	}
	if (len)
		*len = total;
	return digest_end(HAND_OVER(digest), out, why);
}

bool sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
	return CRYPTO_memcmp(a->byte, b->byte, SHA256_SIZE) == 0;
}

bool sha512_equal(const struct sha512 *a, const struct sha512 *b)
{
	return CRYPTO_memcmp(a->byte, b->byte, SHA512_SIZE) == 0;
}

void sha256_hex(const struct sha256 *digest, char hex[static SHA256_HEX])
{
	hex_write(digest->byte, SHA256_SIZE, hex);
}

int sha256_read(const char *hex, struct sha256 *out)
{
	return hex_read(hex, out->byte, SHA256_SIZE);
}

int sha512_read(const char *hex, struct sha512 *out)
{
	return hex_read(hex, out->byte, SHA512_SIZE);
}
