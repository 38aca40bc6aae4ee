// SPDX-License-Identifier: Apache-2.0
// The kernel's map types by number and name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

const char *map_type_name(uint32_t type); // "percpu_array", or NULL
bool map_type_is_percpu(uint32_t type);
// Whether a program for XDP or TC may have such a map. Not types that hold tasks, cgroups, foreign sockets or struct_ops, and
// no type that this list does not know (A83).
bool map_type_is_allowed(uint32_t type);
// Whether such a map holds plain data. Maps of programs, maps or sockets belong to one generation of a chain: if kept or shared,
// they would connect generations.
bool map_type_is_data(uint32_t type);
