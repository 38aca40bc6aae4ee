// SPDX-License-Identifier: Apache-2.0
// Whether an object is what the manifest of its bundle says of it.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"

// Against what was found in the object: entries exist and suit their hooks, maps agree in name, type and sizes and none is
// left out, next_map is a prog_array that the program jumps through, the listed variables are there. FAULT_FORMAT.
int claims_check(const struct inspection *inspection, const struct manifest *manifest,
		 const char *object, struct fault *why) MUST_CHECK;

// Whether the formats that the manifest gives for maps and variables of the object `name` fit their types in it. Runs in a
// worker, as the object is parsed for it. FAULT_FORMAT naming the map and its nearest field.
int claims_check_formats(const void *object, size_t len, const struct manifest *manifest,
			 const char *name, struct fault *why) MUST_CHECK;
