// SPDX-License-Identifier: Apache-2.0
// The publisher's client: brings a repository up to date with the publisher's directory.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "fetch/memo.h"
#include "fetch/upload.h"

struct publish_options {
	const char *dir;
	struct upload upload;
	struct memo *memo; // of an earlier publication from this directory, or NULL
	void (*say)(void *ctx, const char *line); // one line of progress, or NULL
	void *ctx;
};

// Uploads the files that newer roles name and the server lacks, then submits newer roots, targets, and delegated roles,
// parents first. What the server claims to have only saves work; it is not verified here, nodes do that.
// `*document` (bpfseal.publish/1, the caller's) lists the steps: {"kind": "root" | "role" | "blob", "name", "version" or
// "sha256", "state": "sent" | "present"}; after a refusal those that were done.
int publish_run(const struct publish_options *options, struct json **document, struct fault *why)
	MUST_CHECK;
