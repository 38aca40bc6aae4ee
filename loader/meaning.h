// SPDX-License-Identifier: Apache-2.0
// The typed view of a program's maps and global variables: their BTF types from its object, joined with purpose, unit and
// notation from its manifest.
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
	const struct manifest_map *said; // its entry in the manifest; NULL: there is none
	const char *purpose;		 // "" without an entry
	bool shared;
	struct mapcodec key, value;
};

struct meaning_variable {
	const struct manifest_global *said;
	const struct bpf_map *map; // its section
	struct layout_variable at;
	struct mapcodec codec;
};

// The map of this name; sections of variables do not count. FAULT_CONFIG with the nearest name.
int meaning_map(const struct meaning *meaning, const char *name, struct meaning_map *out,
		struct fault *why) MUST_CHECK;
// The same for a map of libbpf.
struct meaning_map meaning_of(const struct meaning *meaning, const struct bpf_map *map);
// Whether node.json alone determines its contents. `named`: node.json names the map.
bool meaning_is_admins(const struct meaning_map *map, bool named);
// A global variable that the manifest lists, and so allows to be set. FAULT_CONFIG with the nearest name.
int meaning_variable(const struct meaning *meaning, const char *name, struct meaning_variable *out,
		     struct fault *why) MUST_CHECK;

// .rodata, .data, .bss and the like: one entry, all variables of the section.
bool meaning_is_section(const struct bpf_map *map);
// ".rodata" and the like, without the object's name that libbpf puts before it. NULL for a map that is no such section.
const char *meaning_section(const struct bpf_map *map);
