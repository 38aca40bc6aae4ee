// SPDX-License-Identifier: Apache-2.0
// Static inspection of an object file: its programs, every helper and kfunc that any of its code calls, its maps. Runs in a
// worker: libbpf and libelf are not hardened against hostile files (A78, A79).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/worker.h"
#include "bpf/helper.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"
#include "bpf/maptype.h"
#include "bpf/shape.h"

#define INSPECT_OBJECT_MAX SHAPE_MAX
#define INSPECT_BTF_MAX	   SHAPE_BTF_MAX

// What the worker may use: memory, time and answer of the largest object that we take are far below.
extern const struct worker_limits inspect_limits;

// Forks a worker. FAULT_FORMAT for anything that is not a well-formed BPF object. `*out` is the caller's.
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
