// SPDX-License-Identifier: Apache-2.0
// The global variables in a bundle's specification: what the author wrote about them, completed from the object.
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

// Puts every variable that an admin may set into the manifest, in the order of the objects and of the variables in them, in
// place of what its author listed. FAULT_FORMAT when he names one that no object has, that the compiler may have built into
// the code, or that is not as he says.
int globals_fill(struct manifest *manifest, const struct globals_object *objects, size_t count,
		 struct fault *why) MUST_CHECK;
