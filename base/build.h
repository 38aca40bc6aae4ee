// SPDX-License-Identifier: Apache-2.0
// The identity of the code that runs: a result that is cached under it is used by exactly the same code only.
#pragma once

#include "base/digest.h"
#include "base/fault.h"

// The digest of the build ids of this program and of every library in it. FAULT_NOT_FOUND where one of them has none.
int build_digest(struct sha256 *out, struct fault *why) MUST_CHECK;
