// SPDX-License-Identifier: Apache-2.0
// The committed state of a state directory, read from its signed files only.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "repod/release.h"

// Names below the state directory.
#define STATE_METADATA "metadata"
#define STATE_BLOBS    "blobs"
#define STATE_TRUST    "trust"
#define STATE_ROOT     "root.json" // in trust: the root that the server starts from
#define STATE_AUDIT    "audit.log"

// A reference time at which nothing has expired, for verifying what was committed earlier.
#define ANY_TIME	   INT64_C(0)
#define COMMITTED_FILE_MAX 5000000 // what clients take for a targets role

// Opens the directory, or one level below it; FAULT_CONFIG with the command that makes it when it is not there.
int state_open(const char *path, int *out, struct fault *why) MUST_CHECK;
int state_open_at(int state, const char *name, int *out, struct fault *why) MUST_CHECK;
// The pinned root; FAULT_UNTRUSTED when there is none, with the command that pins.
int committed_root(int state, struct bytes *root, struct fault *why) MUST_CHECK;
// The release that our own client verifies from the files, expired or not; before the first publication only the roots.
// `*out` is the caller's.
int committed_release(int metadata, const struct bytes *root, struct release **out,
		      struct fault *why) MUST_CHECK;
// Parses the file of one version of a targets role. `*out` is NULL when there is none.
struct targets;
int committed_role(int metadata, const char *role, int64_t version, struct targets **out,
		   struct fault *why) MUST_CHECK;
