// SPDX-License-Identifier: Apache-2.0
// Whether an object matches the manifest of its bundle.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"

// Checks the manifest against the inspection: entry functions exist and suit their hooks, maps have the stated names, types and
// sizes and all are listed, next_map is a PROG_ARRAY that the program makes tail calls through, listed variables exist.
// FAULT_FORMAT.
int claims_check(const struct inspection *inspection, const struct manifest *manifest,
		 const char *object, struct fault *why) MUST_CHECK;

// Checks that the formats which the manifest gives for maps and variables of the object `name` fit their types. Parses the
// object, so it runs in a worker. FAULT_FORMAT naming the map and its nearest field.
int claims_check_formats(const void *object, size_t len, const struct manifest *manifest,
			 const char *name, struct fault *why) MUST_CHECK;
