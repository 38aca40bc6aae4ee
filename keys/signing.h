// SPDX-License-Identifier: Apache-2.0
// Making and signing metadata documents: what the ceremony, `bundle add` and the server's signer share.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/keyfile.h"

// {"signatures": [], "signed": {"_type","spec_version":"1.0.31","version","expires", ...}} for a role type.
int signing_new_snapshot(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;
int signing_new_timestamp(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;
int signing_new_targets(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;

// Sets signed.meta[file] = {"version": v, "length"?, "hashes": {"sha256"}?}; length 0 leaves length and hashes out.
int signing_set_meta(struct json *document, const char *file, int64_t version, const void *data,
		     size_t len, struct fault *why) MUST_CHECK;
// Sets signed.targets[path] of a targets document; takes over `custom` (may be NULL). Clears all signatures.
int signing_set_target(struct json *document, const char *path, int64_t length,
		       const struct sha256 *sha256, struct json *custom, struct fault *why)
	MUST_CHECK;

// Takes signed.targets[path] out. FAULT_NOT_FOUND when it is not there. Clears all signatures.
int signing_drop_target(struct json *document, const char *path, struct fault *why) MUST_CHECK;

// Adds this key's signature over the canonical form of `signed`, replacing an earlier one of the same key id.
int signing_sign(struct json *document, const struct secret_key *key, struct fault *why) MUST_CHECK;

// A document as it is stored and served: JSON, indented while it is short, compact and sorted when it is long, newline
// at the end.
int signing_write(const struct json *document, struct bytes *out, struct fault *why) MUST_CHECK;

// A targets draft in a ceremony directory (DIR/metadata/<role>.json): opens it for a change. If the file there carries a
// signature, the version goes up by one, the signed one is kept as <version>.<role>.json, and signatures are cleared;
// an unsigned draft is changed in place. `expires` is set anew. Absent: FAULT_NOT_FOUND.
int draft_open(const char *dir, const char *role, int64_t expires, struct json **out,
	       struct fault *why) MUST_CHECK;
int draft_save(const char *dir, const char *role, const struct json *document, struct fault *why)
	MUST_CHECK;
// The same file, only read: the whole parsed document.
int draft_read(const char *dir, const char *role, struct json **out, struct fault *why) MUST_CHECK;

// The largest metadata file that the ceremony reads: what clients of the field take for targets.
#define SIGNING_FILE_MAX 5000000

// A member of a document (or of something in it) that belongs to the caller and may therefore be changed. FAULT_FORMAT
// when it is absent or no object.
int signing_part(struct json *object, const char *key, struct json **out, struct fault *why)
	MUST_CHECK;
// Takes all signatures away: what was signed is about to change.
int signing_clear(struct json *document, struct fault *why) MUST_CHECK;
// {"signatures": [], "signed": {...}} with the members that every role has.
int signing_new(const char *type, int64_t version, int64_t expires, struct json **out,
		struct fault *why) MUST_CHECK;
