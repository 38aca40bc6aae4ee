// SPDX-License-Identifier: Apache-2.0
// Which code this process is made of, to the byte: what was found out by it holds for the same code only.
#pragma once

#include "base/digest.h"
#include "base/fault.h"

// The digest of the build ids of this program and of every library in it. FAULT_NOT_FOUND where one of them has none.
int build_digest(struct sha256 *out, struct fault *why) MUST_CHECK;
