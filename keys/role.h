// SPDX-License-Identifier: Apache-2.0
// The signed envelope that every role shares (TUF 4.2), who may sign it, and how many of them must.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/key.h"

// The largest integer that every JSON parser reads alike (A27).
#define ROLE_INT_MAX (((int64_t)1 << 53) - 1)

// Metadata bytes and what they say. `body` is the signed part; nothing in it is to be believed before role_check.
struct role {
	struct bytes raw; // exactly as received: this is what gets kept
	struct json *document;
	const struct json *body;
	const struct json *signatures;
	int64_t version, expires; // after role_header
};

// Parses the envelope: one document, `signed` an object, `signatures` a list in which no key id comes twice.
// `name` is for the refusal.
int role_parse(const char *name, const void *data, size_t len, struct role **out, struct fault *why)
	MUST_CHECK;
// The same without a copy: the bytes become the role's. After a refusal they are still the caller's.
int role_take(const char *name, struct bytes *data, struct role **out, struct fault *why)
	MUST_CHECK;
void role_free(struct role *role);
static inline void role_drop(struct role **role)
{
	role_free(*role);
	*role = NULL;
}

// The header of the signed part: `_type` as wanted, specification 1.x, a version, an expiry.
int role_header(struct role *role, const char *type, struct fault *why) MUST_CHECK;
// FAULT_EXPIRED unless the expiry is strictly after `now`.
int role_fresh(const struct role *role, const char *name, int64_t now, struct fault *why)
	MUST_CHECK;
// The version must be exactly this one: lower is FAULT_ROLLBACK, higher FAULT_UNTRUSTED.
int role_version(const struct role *role, const char *name, int64_t wanted, struct fault *why)
	MUST_CHECK;

// Who may sign a role: the distinct key ids a root or a delegation lists for it, with the keys they name (NULL when
// there is none), and the threshold. The keys are borrowed from the ring, the ids from the document.
struct signer {
	const char *id;
	const struct key *key;
};

struct authority {
	struct signer *signers; // sorted by id
	size_t count;
	int64_t threshold;
};

// Reads `keyids` and `threshold` of an object. A threshold below 1 is refused; one that cannot be met is not: the
// role is then simply never trusted.
int authority_parse(const struct json *object, const struct keyring *ring, struct authority *out,
		    struct fault *why) MUST_CHECK;
void authority_drop(struct authority *authority);
// True when this ed25519 key is one of the signers.
bool authority_has(const struct authority *authority, const unsigned char key[32]);

// Refuses (FAULT_SIGNATURE) unless at least `threshold` distinct public keys of the authority signed.
int role_check(const struct role *role, const char *name, const struct authority *authority,
	       struct fault *why) MUST_CHECK;
// The same, and says how many distinct keys did (also on a refusal): for those who show a person what is missing.
int role_count(const struct role *role, const struct authority *authority, size_t *met,
	       struct fault *why) MUST_CHECK;

// What one role says of another's file: its version and, if stated, length and digests (TUF 4.4, 4.6).
struct role_meta {
	int64_t version;
	bool has_length, has_hashes;
	int64_t length;
	bool has_sha256, has_sha512;
	struct sha256 sha256;
	struct sha512 sha512;
};

int role_meta_parse(const struct json *object, struct role_meta *out, struct fault *why) MUST_CHECK;
// Holds bytes against length and digests. Digests of which none is known refuse (A18): absence is not a match.
int role_meta_check(const struct role_meta *meta, const char *name, const void *data, size_t len,
		    struct fault *why) MUST_CHECK;

// A `hashes` object: at least one member, known ones well formed, unknown ones passed over.
int hashes_parse(const struct json *hashes, bool *has_sha256, struct sha256 *sha256,
		 bool *has_sha512, struct sha512 *sha512, struct fault *why) MUST_CHECK;
