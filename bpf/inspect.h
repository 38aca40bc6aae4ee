// SPDX-License-Identifier: Apache-2.0
// What an object file contains, told from its bytes alone: programs, every helper and kfunc that any of its code calls,
// maps. Runs in a worker: libbpf and libelf are not meant for hostile files (A78, A79).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/helper.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"
#include "bpf/maptype.h"
#include "bpf/shape.h"

#define INSPECT_OBJECT_MAX SHAPE_MAX
#define INSPECT_BTF_MAX	   SHAPE_BTF_MAX

// In a worker. FAULT_FORMAT for anything that is not a sane BPF object.
int inspect_object(const void *object, size_t len, struct inspection **out, struct fault *why)
	MUST_CHECK;
// Several, each in a worker of its own, as many at a time as there are CPUs.
struct inspect_ask {
	const void *object;
	size_t len;
	struct inspection *inspection; // made; NULL where it is refused
	struct fault refused;
};
void inspect_objects(struct inspect_ask *asks, size_t count);
// For a broker, as in bundle.h.
int inspect_job(const void *object, size_t len, struct bytes *answer, struct fault *why);
int inspect_decode(const void *answer, size_t len, struct inspection **out, struct fault *why)
	MUST_CHECK;

// Whether the formats that a manifest says of the object's maps and variables fit their types. In a worker. FAULT_FORMAT
// naming the map and its nearest field.
int inspect_formats(const void *object, size_t len, const struct manifest *manifest,
		    const char *name, struct fault *why) MUST_CHECK;

// Holds an inspection against the manifest: entries exist, maps agree in name, type and sizes, next_map is a prog array,
// the variables that it lists are there.
int inspect_check_manifest(const struct inspection *inspection, const struct manifest *manifest,
			   const char *object, struct fault *why) MUST_CHECK;
