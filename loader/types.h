// SPDX-License-Identifier: Apache-2.0
// The kernel's types (BTF), read once for all objects that ask about them (CO-RE). The library reads and searches all of
// them for each object, some milliseconds every time; given the few that it can match with what one object asks, and what
// these consist of, it comes to the same instructions.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <bpf/btf.h>

#include "base/fault.h"
#include "bpf/inspection.h"

#define TYPES_PATH_MAX 32

struct types;

// Nothing is read until something is asked. NULL: out of memory.
struct types *types_new(void);
void types_free(struct types *types);
static inline void types_drop(struct types **types)
{
	types_free(*types);
	*types = NULL;
}

// Whether what an object asks can be answered from a part of the kernel's types: it is all listed, and no answer is the
// number of a type, which a part numbers anew, or goes through everything that a type points to.
bool types_fit(const struct inspection *inspection);

// An empty file in memory, and the path under which this process finds it: libbpf takes a path, and takes it before it
// shows the object's own types. -1: not here.
int types_reserve(char path[static TYPES_PATH_MAX]);

// Writes to `fd` the types that `local`, the object's own BTF, asks for. FAULT_NOT_FOUND when the kernel's own types have
// none of a name that it asks for and a module's might: then the library has to look for itself.
int types_write(struct types *types, const struct btf *local, const struct inspect_type *asked,
		size_t count, int fd, struct fault *why) MUST_CHECK;
