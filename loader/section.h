// SPDX-License-Identifier: Apache-2.0
// The sections of a program's global variables, which the kernel has as maps of one entry.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "loader/object.h"
#include "loader/values.h"

#define SECTION_PIN_MAX 96

// Whether its contents are the program's, and not its code's: .data and .bss, not .rodata.
bool section_is_kept(const char *section);

// The name it is pinned by: ".bss:0123456789abcdef". The digits stand for its definition, which the kernel does not tell: the
// variables, their types and places, and what .data begins with.
int section_pin(const struct object *object, const struct bpf_map *map,
		char out[static SECTION_PIN_MAX], struct fault *why) MUST_CHECK;

// Between open and load: the admin's values of a section of constants, which nothing can change later.
int section_preset(const struct bpf_map *map, const struct values *values, struct fault *why)
	MUST_CHECK;
