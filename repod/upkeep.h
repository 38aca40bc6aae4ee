// SPDX-License-Identifier: Apache-2.0
// Keeps the catalogue consistent with the signed files, from which it can be rebuilt.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "keys/targets.h"
#include "repod/catalog.h"
#include "repod/release.h"

// Opens the catalogue at `path` for the one writer. A damaged one is renamed and rebuilt, one that is behind is updated;
// `mended` then says so in one line, and is not changed otherwise.
int upkeep_open(const char *path, int metadata, const struct release *release, struct catalog **out,
		char mended[static 256], struct fault *why) MUST_CHECK;
// Inside a transaction: adds what one version of a role lists.
int upkeep_index(struct catalog *catalog, const struct targets *targets, int64_t version,
		 int64_t now, struct fault *why) MUST_CHECK;
// Rebuilds the catalogue from everything that was ever committed.
int upkeep_reindex(struct catalog *catalog, int metadata, const struct release *release,
		   struct fault *why) MUST_CHECK;
