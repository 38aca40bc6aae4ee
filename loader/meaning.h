// SPDX-License-Identifier: Apache-2.0
// What the maps and global variables of a program mean: their types in its object, and what its manifest says of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/layout.h"
#include "bpf/manifest.h"
#include "bpf/mapcodec.h"
#include "loader/object.h"

// An opened object and the manifest that goes with it. Borrowed.
struct meaning {
	const struct object *object;
	const struct manifest *manifest;
	const char *file; // the object's name in the manifest
};

struct meaning_map {
	const struct bpf_map *map;
	const char *name;
	const struct manifest_map *said; // NULL: the manifest has no word about it
	const char *purpose;		 // "" then
	bool shared;
	struct mapcodec key, value;
};

struct meaning_variable {
	const struct manifest_global *said;
	const struct bpf_map *map; // its section
	struct layout_variable at;
	struct mapcodec codec;
};

// The map of a name; sections of variables are none. FAULT_CONFIG with the nearest name.
int meaning_map(const struct meaning *meaning, const char *name, struct meaning_map *out,
		struct fault *why) MUST_CHECK;
// The same of a map that is at hand.
struct meaning_map meaning_of(const struct meaning *meaning, const struct bpf_map *map);
// Whether the admin's file is the only source of its contents. `named`: it gives it some.
bool meaning_is_admins(const struct meaning_map *map, bool named);
// A variable that the manifest lists, so that it can be set. FAULT_CONFIG with the nearest name.
int meaning_variable(const struct meaning *meaning, const char *name, struct meaning_variable *out,
		     struct fault *why) MUST_CHECK;

// .rodata, .data, .bss and the like: one entry, all variables of the section.
bool meaning_is_section(const struct bpf_map *map);
// ".rodata": as sections are called everywhere but in libbpf's names for maps. NULL for what holds no variables.
const char *meaning_section(const struct bpf_map *map);
