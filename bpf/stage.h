// SPDX-License-Identifier: Apache-2.0
// `bundle add`: a bundle and its name's index into a ceremony directory, for the release keys to sign.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/survey.h"

struct stage {
	char *path;	  // target path of the bundle
	char *index_path; // and of the index
	char *role;	  // who names the bundle: the role asked for, or the bin of the path
	char *index_role; // and the index
	struct sha256 sha256;
	bool changed; // false: everything was there already
};

void stage_drop(struct stage *stage);

// Copies `data` (surveyed as `survey`) to DIR/targets/<path>, adds its version to DIR/targets/<name>/index.json, names both
// in the draft of `role`, or, when that one delegates to hash bins, each in the draft of its path's bin. A version that the draft already has with other bytes is refused (FAULT_POLICY): name and version
// mean one bundle for ever. Broken off anywhere, the same call again completes it.
int stage_add(const char *dir, const char *role, int64_t expires, const struct bytes *data,
	      const struct survey *survey, struct stage *out, struct fault *why) MUST_CHECK;
