// SPDX-License-Identifier: Apache-2.0
// A public key as TUF writes it, and a ring of them by key id. Key ids are opaque names (TAP 12): nothing is ever
// decided by them but which key to try.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

#define ED25519_PUBLIC_SIZE 32

enum key_scheme {
	KEY_UNUSABLE, // well-formed, but of a kind or quality that we do not verify with: counts for nothing
	KEY_ED25519,
	KEY_ECDSA_P256_SHA256,
	KEY_RSA_PSS_SHA256,
};

struct evp_pkey_st; // OpenSSL's EVP_PKEY
struct key;

// Reads a key object. Refuses what is not one (FAULT_FORMAT); a key of unknown type or scheme, on another curve,
// too short or damaged is KEY_UNUSABLE and no refusal, so that others in the same file still count (A17).
int key_parse(const struct json *object, struct key **out, struct fault *why) MUST_CHECK;
void key_free(struct key *key);
static inline void key_drop(struct key **key)
{
	key_free(*key);
	*key = NULL;
}

enum key_scheme key_scheme(const struct key *key);
// What makes two keys the same: a digest of the key material, whatever the encoding and the key id (A10).
const struct sha256 *key_identity(const struct key *key);
// The 32 bytes of an ed25519 key, or NULL.
const unsigned char *key_ed25519(const struct key *key);
// The OpenSSL key of the other two schemes, or NULL. Borrowed.
struct evp_pkey_st *key_openssl(const struct key *key);

// The `keys` object of a root or of delegations.
struct keyring;
int keyring_parse(const struct json *keys, struct keyring **out, struct fault *why) MUST_CHECK;
void keyring_free(struct keyring *ring);
static inline void keyring_drop(struct keyring **ring)
{
	keyring_free(*ring);
	*ring = NULL;
}
// NULL when no key has this id.
const struct key *keyring_find(const struct keyring *ring, const char *key_id);
