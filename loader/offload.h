// SPDX-License-Identifier: Apache-2.0
// A chain that is offloaded to a network card. Cards have neither PROG_ARRAY maps nor tail calls, so the members are joined
// into one program (fuse.h), which is loaded for the card together with its maps and is the root of its generation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"
#include "loader/code.h"
#include "loader/member.h"
#include "loader/object.h"
#include "loader/sys.h"

// Why a program cannot be offloaded, as far as its object tells: "its map counts is a percpu_array"; "" when it can.
void offload_why_not(const struct inspection *inspection, const struct manifest *manifest,
		     const struct manifest_program *program, char out[static MEMBER_WHY_NOT_MAX]);
// FAULT_CONFIG naming the first member that cannot be offloaded, with the reason.
int offload_check(const struct member *members, size_t count, struct fault *why) MUST_CHECK;
// Whether the interface's driver supports offload, tried by loading a minimal program for it. FAULT_KERNEL when not.
int offload_probe(const char *iface, uint32_t ifindex, struct fault *why) MUST_CHECK;

// Between object_open and object_load: creates on the card each map of the object that object_use_map has not replaced.
int offload_make_maps(struct object *object, uint32_t ifindex, struct fault *why) MUST_CHECK;

// What offload_load loads: the joined program. Borrowed. `ifindex` 0: for the host.
struct offload_source {
	const struct code *code;
	uint32_t ifindex;
	bool gpl;	      // every member has a GPL-compatible licence
	unsigned seconds_max; // for the verifier; 0: no limit
	const char *label;    // names it in refusals
	const char *log;      // file name of the verifier's log
	int logs_dirfd;	      // as in object.h
	const char *logs_path;
};
// `*out` is the program's descriptor, the caller's. FAULT_KERNEL with the verifier's reason.
int offload_load(const struct offload_source *source, int *out, struct fault *why) MUST_CHECK;
