// SPDX-License-Identifier: Apache-2.0
// Public keys as TUF writes them, and sets of them by key id. A key id is an opaque name (TAP 12): it only tells which key to
// try.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

#define ED25519_PUBLIC_SIZE 32

enum key_scheme {
	KEY_UNUSABLE, // well-formed, but of a scheme or strength that we do not verify: its signatures never count
	KEY_ED25519,
	KEY_ECDSA_P256_SHA256,
	KEY_RSA_PSS_SHA256,
};

struct evp_pkey_st; // OpenSSL's EVP_PKEY
struct key;

// Reads a key object. FAULT_FORMAT if it is none. A key of unknown type or scheme, on another curve, too short or
// damaged becomes KEY_UNUSABLE, which is no refusal: the other keys of the file still count (A17). `*out` is the
// caller's.
int key_parse(const struct json *object, struct key **out, struct fault *why) MUST_CHECK;
void key_free(struct key *key);
static inline void key_drop(struct key **key)
{
	key_free(*key);
	*key = NULL;
}

enum key_scheme key_scheme(const struct key *key);
// A digest of the key material, the same for every encoding and key id: two keys are equal if it is (A10).
const struct sha256 *key_identity(const struct key *key);
// The 32 bytes of an ed25519 key; NULL for the other schemes. Borrowed.
const unsigned char *key_ed25519(const struct key *key);
// The OpenSSL key of the other two schemes, or NULL. Borrowed.
struct evp_pkey_st *key_openssl(const struct key *key);

// The `keys` object of a root or of delegations: keys by id. `*out` is the caller's.
struct keyring;
int keyring_parse(const struct json *keys, struct keyring **out, struct fault *why) MUST_CHECK;
void keyring_free(struct keyring *ring);
static inline void keyring_drop(struct keyring **ring)
{
	keyring_free(*ring);
	*ring = NULL;
}
// The key with this id, borrowed; NULL if there is none.
const struct key *keyring_find(const struct keyring *ring, const char *key_id);
