// SPDX-License-Identifier: Apache-2.0
// Completes the global variables of a draft manifest from the compiled objects.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"

// One object of a build and what is in it. Borrowed.
struct globals_object {
	const char *name;
	const struct inspection *inspection;
};

// Replaces the manifest's list of variables by all that an admin may set, in the order of the objects and of the variables in
// them, keeping what the author wrote about each. FAULT_FORMAT when the author lists one that no object has, whose value the
// compiler may have inlined, or that differs from the description.
int globals_fill(struct manifest *manifest, const struct globals_object *objects, size_t count,
		 struct fault *why) MUST_CHECK;
