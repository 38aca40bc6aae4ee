// SPDX-License-Identifier: Apache-2.0
// Files that a crash left in metadata/: newer than anything committed, and not what the signer vouched for.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "repod/release.h"
#include "repod/signer.h"

// Removes them, and the temporaries of a writer that was killed. One that the signer signed is wanted again.
int stray_remove(int metadata, const struct release *release, const struct signer_state *state,
		 size_t *removed, struct fault *why) MUST_CHECK;
