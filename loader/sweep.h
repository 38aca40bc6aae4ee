// SPDX-License-Identifier: Apache-2.0
// Removes what killed runs and former chains left in our own directory.
#pragma once

#include "base/fault.h"

// Under the lock, with all that was applied on record: removes temporary files here and in logs/, objects/ and trust/*,
// and the copies in objects/ that neither the active nor the previous record names (an index stays
// while its name runs and the metadata that we keep names it).
// On a damaged record it removes no copy.
int sweep_run(int loader_dirfd, struct fault *why) MUST_CHECK;
