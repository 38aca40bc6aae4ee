// SPDX-License-Identifier: Apache-2.0
// Creates, changes and signs metadata documents, for the ceremony, `bundle add` and the server's signer. Documents that are
// returned in `*out` are the caller's; times are seconds since 1970.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/keyfile.h"

// A document without signatures, of specification 1.0.31, with the empty contents of its type.
int signing_new_snapshot(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;
int signing_new_timestamp(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;
int signing_new_targets(int64_t version, int64_t expires, struct json **out, struct fault *why)
	MUST_CHECK;

// Sets signed.meta[file] of a snapshot or timestamp: the version and, unless `len` is 0, length and SHA-256 of the data.
int signing_set_meta(struct json *document, const char *file, int64_t version, const void *data,
		     size_t len, struct fault *why) MUST_CHECK;
// Sets signed.targets[path] of a targets document and clears all signatures. Takes over `custom`, which may be NULL.
int signing_set_target(struct json *document, const char *path, int64_t length,
		       const struct sha256 *sha256, struct json *custom, struct fault *why)
	MUST_CHECK;

// Removes signed.targets[path] and clears all signatures. FAULT_NOT_FOUND.
int signing_drop_target(struct json *document, const char *path, struct fault *why) MUST_CHECK;

// Adds the key's signature of the canonical form of `signed`; replaces an earlier one of the same key id.
int signing_sign(struct json *document, const struct secret_key *key, struct fault *why) MUST_CHECK;

// Appends the document as it is stored and served: JSON with a newline at the end, indented if it is short, compact with sorted
// members if it is long.
int signing_write(const struct json *document, struct bytes *out, struct fault *why) MUST_CHECK;

// Opens DIR/metadata/<role>.json for a change. If it has a signature it is kept as <version>.<role>.json, and `*out`
// has the next version and no signatures; an unsigned draft keeps its version. `expires` is set. FAULT_NOT_FOUND.
int draft_open(const char *dir, const char *role, int64_t expires, struct json **out,
	       struct fault *why) MUST_CHECK;
int draft_save(const char *dir, const char *role, const struct json *document, struct fault *why)
	MUST_CHECK;
// Reads the same file as it is.
int draft_read(const char *dir, const char *role, struct json **out, struct fault *why) MUST_CHECK;

// The largest metadata file that the ceremony reads, in bytes: the limit of common clients for targets.
#define SIGNING_FILE_MAX 5000000

// The member `key` of an object, to be changed in place; the document must be the caller's own. `*out` is borrowed.
// FAULT_FORMAT if it is absent or not an object.
int signing_part(struct json *object, const char *key, struct json **out, struct fault *why)
	MUST_CHECK;
// Removes all signatures, before the signed part is changed.
int signing_clear(struct json *document, struct fault *why) MUST_CHECK;
// A document without signatures that has the members common to all roles.
int signing_new(const char *type, int64_t version, int64_t expires, struct json **out,
		struct fault *why) MUST_CHECK;
