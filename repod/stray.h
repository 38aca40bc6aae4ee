// SPDX-License-Identifier: Apache-2.0
// Files that a crash left in metadata/: newer than anything committed, and not signed by the signer.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "repod/release.h"
#include "repod/signer.h"

// Removes them, and the temporaries of a killed writer. A file that the signer's last snapshot lists is kept: the next commit
// needs it.
int stray_remove(int metadata, const struct release *release, const struct signer_state *state,
		 size_t *removed, struct fault *why) MUST_CHECK;
