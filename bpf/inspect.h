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
// The same in two steps, for several at once, each in a worker of its own: base/worker.h says when. `inspect_end` ends the
// worker, whatever it returns.
int inspect_begin(const void *object, size_t len, struct worker *out, struct fault *why) MUST_CHECK;
int inspect_end(struct worker *worker, struct inspection **out, struct fault *why) MUST_CHECK;
// How many are worth it at a time: two for each CPU, as one begins while another ends, and eight at the most.
size_t inspect_at_a_time(void);
// For a broker, as in bundle.h.
int inspect_job(const void *object, size_t len, struct bytes *answer, struct fault *why);
int inspect_decode(const void *answer, size_t len, struct inspection **out, struct fault *why)
	MUST_CHECK;
