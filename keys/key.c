// SPDX-License-Identifier: Apache-2.0
#include "keys/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

// More keys than any known repository has by two orders, and few enough to parse in a moment (A29).
#define KEYRING_MAX 4096
#define PEM_MAX	    8192
#define P256_COORD  32
#define P256_POINT  (1 + 2 * P256_COORD)
// Below: too weak by every current rule. Above: only good for making us slow.
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

struct key {
	enum key_scheme scheme;
	unsigned char ed25519[ED25519_PUBLIC_SIZE];
	EVP_PKEY *openssl;
	struct sha256 identity;
};

static void drop_bn(BIGNUM **number)
{
	BN_free(*number);
}

static void drop_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void drop_pkey_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void drop_bio(BIO **bio)
{
	BIO_free(*bio);
}

static bool use_ed25519(struct key *key, const char *public)
{
	// The point must lie in the prime-order subgroup (A16): a key that differs from another only by a
	// small-order part would otherwise count as a second signer.
	if (hex_read(public, key->ed25519, ED25519_PUBLIC_SIZE) ||
	    !crypto_core_ed25519_is_valid_point(key->ed25519))
		return false;
	key->scheme = KEY_ED25519;
	return true;
}

// OpenSSL would ask the terminal for the passphrase of an encrypted PEM.
static int no_passphrase(char *buffer, int size, int writing, void *ctx)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static EVP_PKEY *read_pem(const char *text)
{
	OWNED(drop_bio) BIO *bio = NULL;
	size_t len = strlen(text);

	if (len > PEM_MAX)
		return NULL;
	bio = BIO_new_mem_buf(text, (int)len);
	return bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
}

// The point of a PEM key. Curves are compared by name; the key is then built anew on the named curve, so that
// parameters written out in the file (the curve ball of CVE-2020-0601) have no say.
static bool point_of_pem(const char *text, unsigned char point[static P256_POINT])
{
	OWNED(drop_pkey) EVP_PKEY *pkey = read_pem(text);
	OWNED(drop_bn) BIGNUM *x = NULL;
	OWNED(drop_bn) BIGNUM *y = NULL;
	char group[32];

	if (!pkey || !EVP_PKEY_is_a(pkey, "EC") ||
	    !EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					    NULL) ||
	    strcmp(group, "prime256v1") != 0)
		return false;
	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) ||
	    !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y))
		return false;
	point[0] = 4;
	return BN_bn2binpad(x, point + 1, P256_COORD) == P256_COORD &&
	       BN_bn2binpad(y, point + 1 + P256_COORD, P256_COORD) == P256_COORD;
}

// OpenSSL checks that the point is on the curve.
static EVP_PKEY *key_of_point(unsigned char point[static P256_POINT])
{
	OWNED(drop_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, P256_POINT),
		OSSL_PARAM_construct_end(),
	};

	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return pkey;
}

static bool use_ecdsa(struct key *key, const char *public, unsigned char point[static P256_POINT])
{
	// Old repositories write the uncompressed point in hexadecimal instead of PEM.
	bool bare = hex_read(public, point, P256_POINT) == 0;

	if (!(bare && point[0] == 4) && !point_of_pem(public, point))
		return false;
	key->openssl = key_of_point(point);
	if (!key->openssl)
		return false;
	key->scheme = KEY_ECDSA_P256_SHA256;
	return true;
}

static bool use_rsa(struct key *key, const char *public, struct bytes *material, struct fault *why)
{
	OWNED(drop_pkey) EVP_PKEY *pkey = read_pem(public);
	OWNED(drop_bn) BIGNUM *n = NULL;
	OWNED(drop_bn) BIGNUM *e = NULL;
	unsigned char number[RSA_BITS_MAX / 8];

	if (!pkey || !EVP_PKEY_is_a(pkey, "RSA"))
		return false;
	if (EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN || EVP_PKEY_get_bits(pkey) > RSA_BITS_MAX)
		return false;
	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
	    !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e))
		return false;
	// With exponent 1 every message is its own signature; an even one is no RSA at all.
	if (BN_is_one(e) || !BN_is_odd(e) || !BN_is_odd(n))
		return false;
	if (BN_bn2binpad(n, number, sizeof(number)) < 0 ||
	    bytes_append(material, number, sizeof(number), why) ||
	    BN_bn2binpad(e, number, sizeof(number)) < 0 ||
	    bytes_append(material, number, sizeof(number), why))
		return false;
	key->openssl = HAND_OVER(pkey);
	key->scheme = KEY_RSA_PSS_SHA256;
	return true;
}

// A closed list: what is not on it is unusable, whatever its parts look like (A17).
static enum key_scheme scheme_of(const char *type, const char *scheme)
{
	if (strcmp(type, "ed25519") == 0 && strcmp(scheme, "ed25519") == 0)
		return KEY_ED25519;
	if ((strcmp(type, "ecdsa") == 0 || strcmp(type, "ecdsa-sha2-nistp256") == 0) &&
	    strcmp(scheme, "ecdsa-sha2-nistp256") == 0)
		return KEY_ECDSA_P256_SHA256;
	if (strcmp(type, "rsa") == 0 && strcmp(scheme, "rsassa-pss-sha256") == 0)
		return KEY_RSA_PSS_SHA256;
	return KEY_UNUSABLE;
}

static int fill_key(struct key *key, enum key_scheme scheme, const char *public, struct fault *why)
{
	OWNED(bytes_drop) struct bytes material = {0};
	unsigned char point[P256_POINT];
	bool usable = false;

	if (scheme == KEY_ED25519) {
		usable = use_ed25519(key, public);
		if (bytes_append_text(&material, "ed25519", why) ||
		    bytes_append(&material, key->ed25519, ED25519_PUBLIC_SIZE, why))
			return -1;
	} else if (scheme == KEY_ECDSA_P256_SHA256) {
		usable = use_ecdsa(key, public, point);
		if (usable && (bytes_append_text(&material, "p256", why) ||
			       bytes_append(&material, point, P256_POINT, why)))
			return -1;
	} else if (scheme == KEY_RSA_PSS_SHA256) {
		if (bytes_append_text(&material, "rsa", why))
			return -1;
		usable = use_rsa(key, public, &material, why);
	}
	ERR_clear_error();
	return usable ? sha256_of(material.data, material.len, &key->identity, why) : 0;
}

int key_parse(const struct json *object, struct key **out, struct fault *why)
{
	OWNED(key_drop) struct key *key = NULL;
	const struct json *value;
	const char *type, *scheme, *public;

	if (!json_is(object, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "a key is not an object");
	if (json_need_text(object, "keytype", &type, why) ||
	    json_need_text(object, "scheme", &scheme, why) ||
	    json_need_object(object, "keyval", &value, why))
		return -1;
	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "libsodium does not start");
	key = calloc(1, sizeof(*key));
	if (!key)
		return fault_set(why, FAULT_OTHER, "out of memory");
	public = json_text(json_member(value, "public"));
	if (public && fill_key(key, scheme_of(type, scheme), public, why))
		return -1;
	*out = HAND_OVER(key);
	return 0;
}

void key_free(struct key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->openssl);
	free(key);
}

enum key_scheme key_scheme(const struct key *key)
{
	return key->scheme;
}

const struct sha256 *key_identity(const struct key *key)
{
	return &key->identity;
}

const unsigned char *key_ed25519(const struct key *key)
{
	return key->scheme == KEY_ED25519 ? key->ed25519 : NULL;
}

struct evp_pkey_st *key_openssl(const struct key *key)
{
	return key->openssl;
}

struct named_key {
	const char *id; // borrowed from the document
	struct key *key;
};

// Sorted by id: no hash table that a hostile file could flood (A32).
struct keyring {
	struct named_key *keys;
	size_t count;
};

static int named_key_order(const void *a, const void *b)
{
	const struct named_key *left = a, *right = b;

	return strcmp(left->id, right->id);
}

int keyring_parse(const struct json *keys, struct keyring **out, struct fault *why)
{
	OWNED(keyring_drop) struct keyring *ring = NULL;
	struct json_walk walk = {0};

	if (json_count(keys) > KEYRING_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "more than %d keys", KEYRING_MAX);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return fault_set(why, FAULT_OTHER, "out of memory");
	ring->keys = calloc(json_count(keys) + 1, sizeof(*ring->keys));
	if (!ring->keys)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(keys, &walk)) {
		if (key_parse(walk.value, &ring->keys[ring->count].key, why))
			return fault_within(why, "key \"%s\"", walk.key);
		ring->keys[ring->count++].id = walk.key;
	}
	qsort(ring->keys, ring->count, sizeof(*ring->keys), named_key_order);
	*out = HAND_OVER(ring);
	return 0;
}

void keyring_free(struct keyring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++)
		key_free(ring->keys[i].key);
	free(ring->keys);
	free(ring);
}

const struct key *keyring_find(const struct keyring *ring, const char *key_id)
{
	struct named_key wanted = {.id = key_id};
	const struct named_key *found =
		bsearch(&wanted, ring->keys, ring->count, sizeof(wanted), named_key_order);

	return found ? found->key : NULL;
}
