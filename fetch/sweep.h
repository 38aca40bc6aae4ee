// SPDX-License-Identifier: Apache-2.0
// Removes blobs that no kept set of metadata names any more.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "fetch/store.h"

// A blob stays when a kept set of any repository lists it as a target, or as a member of a target's bundle. A set that
// cannot be read whole keeps everything: nothing is removed on a guess (A77).
int sweep_run(const struct store *store, size_t *removed, struct fault *why) MUST_CHECK;
