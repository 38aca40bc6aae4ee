// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/foreign.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

struct foreign_key {
	EVP_PKEY *pkey;
};

struct foreign_key *foreign_new(const char *kind)
{
	struct foreign_key *key = calloc(1, sizeof(*key));

	if (strncmp(kind, "RSA-", 4) == 0)
		key->pkey = EVP_RSA_gen((unsigned)atoi(kind + 4));
	else
		key->pkey = EVP_EC_gen(kind);
	if (!key->pkey)
		abort();
	return key;
}

void foreign_free(struct foreign_key *key)
{
	EVP_PKEY_free(key->pkey);
	free(key);
}

static struct json *key_json(const char *type, const char *scheme, const char *public)
{
	struct json *json = json_make_object(), *value = json_make_object();
	struct fault why = {0};

	if (json_put_text(json, "keytype", type, &why) ||
	    json_put_text(json, "scheme", scheme, &why) ||
	    json_put_text(value, "public", public, &why) || json_put(json, "keyval", value, &why))
		abort();
	return json;
}

struct json *foreign_json(const struct foreign_key *key, const char *type, const char *scheme)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char pem[8192] = "";

	if (!bio || !PEM_write_bio_PUBKEY(bio, key->pkey) ||
	    BIO_read(bio, pem, sizeof(pem) - 1) < 1)
		abort();
	BIO_free(bio);
	return key_json(type, scheme, pem);
}

struct json *foreign_point_json(const struct foreign_key *key)
{
	unsigned char point[65];
	char hex[131];
	size_t len;

	if (!EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point,
					     sizeof(point), &len) ||
	    len != sizeof(point))
		abort();
	hex_write(point, len, hex);
	return key_json("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", hex);
}

struct json *foreign_compressed_json(const struct foreign_key *key)
{
	struct json *json;

	if (!EVP_PKEY_set_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					    "compressed"))
		abort();
	json = foreign_json(key, "ecdsa", "ecdsa-sha2-nistp256");
	if (!EVP_PKEY_set_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					    "uncompressed"))
		abort();
	return json;
}

char *foreign_sign(const struct foreign_key *key, int salt, const void *data, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options = NULL;
	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);
	char *hex;

	if (!ctx || EVP_DigestSignInit(ctx, &options, EVP_sha256(), NULL, key->pkey) != 1)
		abort();
	if (EVP_PKEY_is_a(key->pkey, "RSA") &&
	    (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt < 0 ? RSA_PSS_SALTLEN_MAX : salt) != 1))
		abort();
	if (EVP_DigestSign(ctx, sig, &sig_len, data, len) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	hex = malloc(2 * sig_len + 1);
	hex_write(sig, sig_len, hex);
	return hex;
}
