// SPDX-License-Identifier: Apache-2.0
// The ceremony directory, as publishing reads it: metadata/<role>.json, metadata/<version>.root.json, targets/<path>.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

// One metadata file. `quoted` is the role's name as it stands in file names and URLs.
struct paper {
	char *role;
	char *quoted;
	struct bytes data;
	struct json *document;
	int64_t version;
	bool is_signed; // carries at least one signature
};
void paper_drop(struct paper *paper);

const struct json *paper_signed(const struct paper *paper);

struct folder {
	char *dir;
	struct paper root;
	struct paper *
		roles; // targets first, then every delegated role behind the one that delegates to it
	size_t count;
	struct json *known; // the names of those looked for
};

// Reads root.json, targets.json, and each delegated role that has a file. `*out` is yours, also after a refusal.
int folder_read(const char *dir, struct folder *out, struct fault *why) MUST_CHECK;
void folder_drop(struct folder *folder);

// An earlier root, "<version>.root.json".
int folder_root(const struct folder *folder, int64_t version, struct paper *out, struct fault *why)
	MUST_CHECK;

// A target file's bytes, held against the signed length and SHA-256. `path` comes from metadata and is checked.
int folder_target(const struct folder *folder, const char *path, int64_t length,
		  const struct sha256 *digest, size_t max, struct bytes *out, struct fault *why)
	MUST_CHECK;
