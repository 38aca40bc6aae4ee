// SPDX-License-Identifier: Apache-2.0
// The signed envelope of all roles (TUF 4.2), and its verification against keys and a threshold.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/key.h"

// The largest integer that all JSON parsers read alike (A27).
#define ROLE_INT_MAX (((int64_t)1 << 53) - 1)

// A metadata file. `body` is its signed part, untrusted until role_check has succeeded.
struct role {
	struct bytes raw; // exactly as received, and as it is kept
	struct json *document;
	const struct json *body;
	const struct json *signatures;
	int64_t version, expires; // after role_header
};

// Parses the envelope: `signed` must be an object, `signatures` an array without duplicate key ids. `name` is for
// messages. Copies the bytes; `*out` is the caller's. FAULT_FORMAT.
int role_parse(const char *name, const void *data, size_t len, struct role **out, struct fault *why)
	MUST_CHECK;
// As role_parse, but takes over the bytes. After a refusal they are still the caller's.
int role_take(const char *name, struct bytes *data, struct role **out, struct fault *why)
	MUST_CHECK;
void role_free(struct role *role);
static inline void role_drop(struct role **role)
{
	role_free(*role);
	*role = NULL;
}

// Reads `version` and `expires` of the signed part; `_type` must be `type`, the specification 1.x. FAULT_FORMAT.
int role_header(struct role *role, const char *type, struct fault *why) MUST_CHECK;
// FAULT_EXPIRED unless the expiry is after `now`, seconds since 1970.
int role_fresh(const struct role *role, const char *name, int64_t now, struct fault *why)
	MUST_CHECK;
// The version must be `wanted`: FAULT_ROLLBACK if it is lower, FAULT_UNTRUSTED if it is higher.
int role_version(const struct role *role, const char *name, int64_t wanted, struct fault *why)
	MUST_CHECK;

// Who may sign a role: the distinct key ids that a root or a delegation lists, their keys (NULL: no such key), and
// the threshold. Keys are borrowed from the ring, ids from the document.
struct signer {
	const char *id;
	const struct key *key;
};

struct authority {
	struct signer *signers; // sorted by id
	size_t count;
	int64_t threshold;
};

// Reads `keyids` and `threshold` of an object. FAULT_FORMAT for a threshold below 1. One that cannot be met is
// accepted: the role is then never trusted. `out` is the caller's (authority_drop).
int authority_parse(const struct json *object, const struct keyring *ring, struct authority *out,
		    struct fault *why) MUST_CHECK;
void authority_drop(struct authority *authority);
// Whether this ed25519 key is one of the signers.
bool authority_has(const struct authority *authority, const unsigned char key[32]);

// FAULT_SIGNATURE unless at least `threshold` distinct public keys of the authority signed. Equal keys under several ids count
// once (A10).
int role_check(const struct role *role, const char *name, const struct authority *authority,
	       struct fault *why) MUST_CHECK;
// As role_check; `*met` is the number of distinct keys that signed, also on a refusal.
int role_count(const struct role *role, const struct authority *authority, size_t *met,
	       struct fault *why) MUST_CHECK;

// What timestamp or snapshot say of a metadata file: its version and, optionally, length and digests (TUF 4.4, 4.6).
struct role_meta {
	int64_t version;
	bool has_length, has_hashes;
	int64_t length;
	bool has_sha256, has_sha512;
	struct sha256 sha256;
	struct sha512 sha512;
};

int role_meta_parse(const struct json *object, struct role_meta *out, struct fault *why) MUST_CHECK;
// FAULT_DIGEST unless the bytes have the stated length and digests. If there are digests, at least one must be of a known
// algorithm (A18).
int role_meta_check(const struct role_meta *meta, const char *name, const void *data, size_t len,
		    struct fault *why) MUST_CHECK;

// Reads a `hashes` object. It must have a member; unknown algorithms are ignored. FAULT_FORMAT for a malformed digest.
int hashes_parse(const struct json *hashes, bool *has_sha256, struct sha256 *sha256,
		 bool *has_sha512, struct sha512 *sha512, struct fault *why) MUST_CHECK;
