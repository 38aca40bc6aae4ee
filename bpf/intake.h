// SPDX-License-Identifier: Apache-2.0
// The files that the person named on the command line.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "bpf/survey.h"

// When the file is not there the call is wrong, not the repository: FAULT_USAGE.
int intake_file(const char *path, size_t max, struct bytes *out, struct fault *why) MUST_CHECK;
// A bundle: its bytes, their digest, and what is in it.
int intake_bundle(const char *path, struct bytes *data, struct sha256 *sha256, struct survey **out,
		  struct fault *why) MUST_CHECK;
