// SPDX-License-Identifier: Apache-2.0
// The kernels that a bundle's programs have been loaded by: what its publisher saw, and signs.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

#define TESTED_MAX	   32
#define TESTED_KERNEL_LEN  65 // struct utsname's release and machine, with a NUL
#define TESTED_MACHINE_LEN 33

struct tested_kernel {
	char kernel[TESTED_KERNEL_LEN];	  // "6.18.44"
	char machine[TESTED_MACHINE_LEN]; // "x86_64"
};

// Sorted by kernel then machine, none twice. {0} is none.
struct tested {
	struct tested_kernel list[TESTED_MAX];
	size_t count;
};

// Puts one where it belongs; one that is there stays. FAULT_FORMAT for a name that is none, FAULT_TOO_LARGE.
int tested_add(struct tested *tested, const char *kernel, const char *machine, struct fault *why)
	MUST_CHECK;
// From the member "tested" of a manifest: a list of {"kernel", "machine"}; `sorted`: it has to be in order already.
int tested_read(const struct json *list, bool sorted, struct tested *out, struct fault *why)
	MUST_CHECK;
// Puts the member, if there is something in it.
int tested_put(const struct tested *tested, struct json *root, struct fault *why) MUST_CHECK;
