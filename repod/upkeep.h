// SPDX-License-Identifier: Apache-2.0
// Keeps the catalogue what it is: an index that follows the signed files and can be made anew from them.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "keys/targets.h"
#include "repod/catalog.h"
#include "repod/release.h"

// Opens the catalogue at `path` for the one writer. A damaged one is put aside, one that is behind is brought up;
// `mended` then says so in one line, and stays as it is otherwise.
int upkeep_open(const char *path, int metadata, const struct release *release, struct catalog **out,
		char mended[static 256], struct fault *why) MUST_CHECK;
// Inside a transaction: adds what one version of a role lists.
int upkeep_index(struct catalog *catalog, const struct targets *targets, int64_t version,
		 int64_t now, struct fault *why) MUST_CHECK;
// Empties the catalogue and tells it everything that was ever committed.
int upkeep_reindex(struct catalog *catalog, int metadata, const struct release *release,
		   struct fault *why) MUST_CHECK;
