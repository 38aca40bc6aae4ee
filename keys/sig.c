// SPDX-License-Identifier: Apache-2.0
#include "keys/sig.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

// The longest signature of a key we take: RSA with 8192 bits.
#define SIG_MAX 1024

static void drop_md_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static bool check_openssl(const struct key *key, const unsigned char *sig, size_t sig_len,
			  const void *data, size_t len)
{
	OWNED(drop_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options = NULL; // belongs to ctx

	if (!ctx || EVP_DigestVerifyInit(ctx, &options, EVP_sha256(), NULL, key_openssl(key)) != 1)
		return false;
	// Signers use a salt as long as the digest or as long as fits; the padding itself tells which.
	if (key_scheme(key) == KEY_RSA_PSS_SHA256 &&
	    (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_AUTO) != 1))
		return false;
	return EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
}

bool sig_check(const struct key *key, const char *sig, const void *data, size_t len)
{
	unsigned char raw[SIG_MAX];
	size_t digits = strlen(sig), raw_len = digits / 2;
	bool good;

	if (!digits || digits % 2 || raw_len > sizeof(raw) || hex_read(sig, raw, raw_len))
		return false;
	switch (key_scheme(key)) {
	case KEY_ED25519:
		// libsodium refuses small-order points and a scalar that is not reduced (A16).
		return raw_len == crypto_sign_BYTES &&
		       crypto_sign_verify_detached(raw, data, len, key_ed25519(key)) == 0;
	case KEY_ECDSA_P256_SHA256:
	case KEY_RSA_PSS_SHA256:
		good = check_openssl(key, raw, raw_len, data, len);
		ERR_clear_error();
		return good;
	case KEY_UNUSABLE:
		break;
	}
	return false;
}
