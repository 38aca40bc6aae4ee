// SPDX-License-Identifier: Apache-2.0
// The kernel's map types by number and name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

const char *map_type_name(uint32_t type); // "percpu_array", or NULL
bool map_type_is_percpu(uint32_t type);
// May a program for XDP or TC have such a map? Types that hold tasks, cgroups, sockets of others, struct_ops or
// anything this list does not know may not (A83).
bool map_type_is_allowed(uint32_t type);
// Whether what such a map holds is data of the program's own. Programs, maps and sockets belong to one generation of a chain:
// kept or shared, they would let one reach into another.
bool map_type_is_data(uint32_t type);
