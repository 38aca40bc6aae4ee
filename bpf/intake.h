// SPDX-License-Identifier: Apache-2.0
// Reading files that are named on the command line.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "bpf/survey.h"

// FAULT_USAGE, not FAULT_NOT_FOUND, when the file does not exist.
int intake_file(const char *path, size_t max, struct bytes *out, struct fault *why) MUST_CHECK;
// A bundle: its bytes, their digest, and its contents.
int intake_bundle(const char *path, struct bytes *data, struct sha256 *sha256, struct survey **out,
		  struct fault *why) MUST_CHECK;
