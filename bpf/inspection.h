// SPDX-License-Identifier: Apache-2.0
// What was found in an object file: its programs, what they call, its maps. Travels from a worker in a frame.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/helper.h"
#include "bpf/jumps.h"
#include "bpf/manifest.h"

#define INSPECT_INSNS_MAX    65536 // of all sections together
#define INSPECT_HELPERS_MAX  HELPER_IDS
#define INSPECT_PROGRAMS_MAX 128
#define INSPECT_MAPS_MAX     128
#define INSPECT_KFUNCS_MAX   16
#define INSPECT_JUMPS_MAX    1024
#define INSPECT_GLOBALS_MAX  512
#define INSPECT_TYPES_MAX    256

struct inspect_program {
	char name[64], section[64];
	uint32_t insns;
	uint32_t jumps_most; // tail calls that one run can make; JUMPS_ENDLESS: no limit is known
	bool jumps_unclear;  // it can make others than those listed
};

// A tail call that a program of the object can make (bpf/jumps.h).
struct inspect_jump {
	uint32_t program, map; // indexes into the lists; map INSPECT_MAPS_MAX: not known which
	uint32_t slot;	       // UINT32_MAX: not known which
	bool in_entry;
};

struct inspect_map {
	char name[64];
	uint32_t type; // enum bpf_map_type
	uint32_t key_size, value_size, max_entries, flags;
	char key[64], value[64];       // type names from BTF, "" without
	bool pinned_by_name, internal; // internal: .rodata, .data, .bss
	bool inner; // the shape of the maps inside a map of maps, by that map's name
};

// A global variable that may be set from outside (bpf/layout.h).
struct inspect_global {
	char name[64], section[64], type[64];
	uint32_t size;
};

// A type of the object's own BTF that its code wants to find again among the kernel's (bpf/asked.h).
struct inspect_type {
	uint32_t id;
	uint32_t kinds; // what it asks about it: 1 << enum bpf_core_relo_kind, of all records
};

struct inspection {
	struct inspect_program *programs;
	size_t program_count;
	struct inspect_map *maps;
	size_t map_count;
	struct inspect_jump *jumps;
	size_t jump_count;
	struct inspect_global *globals;
	size_t global_count;
	struct inspect_type *types;
	size_t type_count;
	uint32_t insns;
	bool helpers[INSPECT_HELPERS_MAX]; // by id, in any executable section
	bool helper_unknown; // a helper id past the end, or a computed call that is no helper
	// Kernel functions and every other symbol of the kernel that it wants; "#12": by number.
	char kfuncs[INSPECT_KFUNCS_MAX][64];
	size_t kfunc_count;
	bool has_btf, tail_calls;
	bool types_unclear; // it asks for others than those listed
	char license[64];
};

void inspection_free(struct inspection *inspection);
static inline void inspection_drop(struct inspection **inspection)
{
	inspection_free(*inspection);
	*inspection = NULL;
}

// To and from the worker's answer. Reading trusts nothing in it.
int inspection_write(const struct inspection *inspection, struct bytes *answer, struct fault *why)
	MUST_CHECK;
int inspection_read(const void *answer, size_t len, struct inspection **out, struct fault *why)
	MUST_CHECK;
// The program of that name, or NULL.
const struct inspect_program *inspection_program(const struct inspection *inspection,
						 const char *name);
// A program's tail calls: those that surely go through slot 0 of a map, and those of which that cannot be told.
struct inspect_ways {
	size_t through, unknown;
};
struct inspect_ways inspection_ways(const struct inspection *inspection,
				    const struct inspect_program *program, const char *map);
// The map of that name, or NULL. Inner shapes are not found.
// Whether it starts what runs later by itself, for as long as a map of its is there: timers, work queues.
bool inspection_starts(const struct inspection *inspection);
const struct inspect_map *inspection_map(const struct inspection *inspection, const char *name);
const struct inspect_global *inspection_global(const struct inspection *inspection,
					       const char *name);
