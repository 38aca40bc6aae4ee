// SPDX-License-Identifier: Apache-2.0
// The metadata files that a commit adds: those submitted, and those left by an interrupted commit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/role.h"
#include "keys/targets.h"
#include "repod/release.h"
#include "repod/signer.h"

struct change {
	char *role;
	int64_t version;
	struct targets *targets;
	const struct bytes *data; // the file: those of `targets`
	bool submitted;		  // false: found on disk, and listed by the signer's last snapshot
};

struct changes {
	struct change *list;
	size_t count;
};

void changes_drop(struct changes *changes);
// Adds a file of a targets role. Takes ownership of the envelope if it succeeds.
int changes_add(struct changes *changes, const char *role, struct role **envelope, bool submitted,
		struct fault *why) MUST_CHECK;
// Whether the signer's last snapshot lists exactly these bytes under `file` ("net.json").
bool changes_signed(const struct signer_state *state, const char *file, int64_t version,
		    const struct bytes *data);
// Adds the files in `metadata` that the signer's last snapshot lists in a newer version than `release`.
int changes_find_held(struct changes *changes, int metadata, const struct release *release,
		      const struct signer_state *state, struct fault *why) MUST_CHECK;
