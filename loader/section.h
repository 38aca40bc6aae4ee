// SPDX-License-Identifier: Apache-2.0
// Sections of global variables (.rodata, .data, .bss), which are maps of one entry to the kernel.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "loader/object.h"
#include "loader/values.h"

#define SECTION_PIN_MAX 96

// Whether its contents are run-time state that an update keeps: .data and .bss, not .rodata.
bool section_is_kept(const char *section);

// The name of its pin: ".bss:0123456789abcdef". The digits are a hash of its definition, which the kernel does not store: the
// variables with types and offsets, and the initial contents of .data.
int section_pin(const struct object *object, const struct bpf_map *map,
		char out[static SECTION_PIN_MAX], struct fault *why) MUST_CHECK;

// Between open and load: writes the admin's values into a section of constants, which is read-only once loaded.
int section_preset(const struct bpf_map *map, const struct values *values, struct fault *why)
	MUST_CHECK;
