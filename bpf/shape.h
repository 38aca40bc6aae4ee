// SPDX-License-Identifier: Apache-2.0
// The outer shape of an object file, checked before any library looks at it (A78): every header, section and name
// lies within the file, and the file is of the one kind that clang makes for BPF.
#pragma once

#include <stddef.h>

#include "base/fault.h"

#define SHAPE_MAX \
	(8u << 20) // bytes; the largest real one seen was 2 MiB, most of it debug sections
#define SHAPE_BTF_MAX \
	(1u << 20) // the BTF of a whole kernel is 5 MiB, that of an object 20 KiB (A79)
#define SHAPE_SECTIONS_MAX 1024
#define SHAPE_BSS_MAX	   (16u << 20)

// FAULT_FORMAT or FAULT_TOO_LARGE.
int shape_check(const void *data, size_t len, struct fault *why) MUST_CHECK;
