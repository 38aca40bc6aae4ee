// SPDX-License-Identifier: Apache-2.0
// The publisher's working directory, as `publish` reads it: metadata/<role>.json, metadata/<version>.root.json, targets/<path>.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "fetch/memo.h"

// One metadata file. `quoted` is the role's name as it stands in file names and URLs.
struct paper {
	char *role;
	char *quoted;
	struct bytes data;     // empty if is_published, unless more of it is needed
	struct json *document; // likewise, unless it delegates
	int64_t version;
	bool is_signed;	   // carries at least one signature
	bool is_published; // the server has exactly these bytes
};
void paper_drop(struct paper *paper);

const struct json *paper_signed(const struct paper *paper);

struct folder {
	char *dir;
	struct paper root;
	struct paper *roles; // targets first; every delegated role after its delegator
	size_t count;
	struct json *known; // names of the roles that were looked for
};

// Reads root.json. `out` is the caller's (folder_drop), also after a refusal.
int folder_open(const char *dir, struct folder *out, struct fault *why) MUST_CHECK;
// What the server is known to have: the `meta` of its snapshot (NULL: none), and the memo of our files (NULL: none).
struct folder_known {
	const struct json *published;
	struct memo *memo;
};
// Reads targets.json and each delegated role that has a file. A file with the digest that the server's snapshot lists is not
// parsed.
int folder_roles(struct folder *folder, const struct folder_known *known, struct fault *why)
	MUST_CHECK;
void folder_drop(struct folder *folder);

// An earlier root, "<version>.root.json".
int folder_root(const struct folder *folder, int64_t version, struct paper *out, struct fault *why)
	MUST_CHECK;

// A target file's bytes, checked against the signed length and SHA-256. `path` comes from metadata and is validated.
int folder_target(const struct folder *folder, const char *path, int64_t length,
		  const struct sha256 *digest, size_t max, struct bytes *out, struct fault *why)
	MUST_CHECK;
