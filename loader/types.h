// SPDX-License-Identifier: Apache-2.0
// The kernel's BTF, read once for all objects with CO-RE relocations. libbpf would read and search all of it for each object,
// which takes some milliseconds every time. It is given a subset instead: the types that an object's relocations can match,
// with the types they consist of. The relocated instructions are the same.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <bpf/btf.h>

#include "base/fault.h"
#include "bpf/inspection.h"

#define TYPES_PATH_MAX 32

struct types;

// Reads the kernel's BTF when it is first needed. NULL: out of memory.
struct types *types_new(void);
void types_free(struct types *types);
static inline void types_drop(struct types **types)
{
	types_free(*types);
	*types = NULL;
}

// Whether a subset is enough for an object: the inspection lists all of its relocations, and none of them yields a type id
// (ids differ in a subset) or compares types through pointers.
bool types_fit(const struct inspection *inspection);

// Creates an empty memory file and returns its descriptor, the caller's, with the path under which this process can open it:
// libbpf wants a path, and before it gives access to the object's BTF. -1: not possible here.
int types_reserve(char path[static TYPES_PATH_MAX]);

// Writes the subset to `fd`. `local` is the object's own BTF, `asked` what its relocations need. FAULT_NOT_FOUND when vmlinux
// lacks a type that a kernel module may have: then libbpf has to search itself.
int types_write(struct types *types, const struct btf *local, const struct inspect_type *asked,
		size_t count, int fd, struct fault *why) MUST_CHECK;
