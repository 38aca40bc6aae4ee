// SPDX-License-Identifier: Apache-2.0
// One BPF object through libbpf: it is opened, the caller decides which maps to create and which to reuse, then exactly one of
// its programs passes the gate, is rewritten for its chain, and is loaded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <bpf/libbpf.h>

#include "base/fault.h"
#include "bpf/manifest.h"
#include "bpf/policy.h"
#include "loader/fall.h"
#include "loader/types.h"
#include "loader/wrap.h"

// The object and how to load its program. Borrowed until object_load has returned.
struct object_source {
	const void *data; // verified bytes: libbpf is not meant for hostile files (A78)
	size_t len;
	const char *entry; // function name
	enum hook hook;	   // decides the program's type; section names decide nothing (A81)
	// With HOOK_PROBE: its event; NULL: opened for its maps only.
	const struct manifest_program *probe;
	bool frags;    // load for multi-buffer packets; only with HOOK_XDP
	bool is_part;  // its code is kept, to be joined with that of others (fuse.h)
	uint32_t card; // index of the interface whose card it is offloaded to; 0: host
	const struct policy *policy; // NULL only for our own, embedded objects
	const char *label; // "net.count.1.0.0": names the program in refusals and its log file
	// The kernel types that its CO-RE relocations need, if a subset of the kernel's BTF suffices (types.h), and the reader
	// of that BTF; else NULL, 0 and NULL.
	const struct inspect_type *asked;
	size_t asked_count;
	struct types *types;
	int logs_dirfd;	       // where a verifier log is stored; -1: nowhere
	const char *logs_path; // the same directory, for messages
};

struct object;

// Parses the object; nothing is created in the kernel. Pinning that the object asks for (LIBBPF_PIN_BY_NAME) is disabled.
// `*out` is the caller's. FAULT_FORMAT for a malformed object or a missing entry, FAULT_KERNEL for a section that would bypass
// the gate.
int object_open(const struct object_source *source, struct object **out, struct fault *why)
	MUST_CHECK;
void object_free(struct object *object);
static inline void object_drop(struct object **object)
{
	object_free(*object);
	*object = NULL;
}

// libbpf's view, for maps and BTF. Borrowed.
struct bpf_object *object_bpf(const struct object *object);

// Between open and load: the program will use `fd` in place of this map. Takes ownership of `fd`, also on a refusal.
// (bpf_map__reuse_fd cannot be used: it opens "/", which the loader's Landlock rules refuse. libbpf therefore still creates a
// map of its own; it is made small, and freed with the object.)
int object_use_map(struct object *object, struct bpf_map *map, int fd, struct fault *why)
	MUST_CHECK;
// The descriptor of the map that the loaded program uses. Borrowed.
int object_map_fd(const struct object *object, const struct bpf_map *map);

// Between open and load: requests that the program be lifted (lift.h), if possible.
void object_lift(struct object *object);
// Between open and load: the program makes its tail calls itself, and its fall-through is to be counted (fall.h).
void object_count_falls(struct object *object, const struct fall *fall);
// After the load: which of its tail calls are counted.
struct fall_ways object_falls(const struct object *object);

// Runs the gate, adds the wrapper (NULL: none) and loads the program. FAULT_POLICY from the gate; FAULT_KERNEL with the
// verifier's reason. The whole log is stored, and its path told, only for the plain form (object_is_plain).
int object_load(struct object *object, const struct wrap *wrap, struct fault *why) MUST_CHECK;
// After the load, with source->is_part: its final instructions. Borrowed.
const struct code *object_code(const struct object *object);
// The verifier's log; "" when it was not run or accepted the program. Borrowed.
const char *object_log(const struct object *object);
// The loaded program. Borrowed.
int object_program_fd(const struct object *object);
// After object_load, whatever it returned. Plain: neither joined with its wrapper (seam.h) nor lifted. If the verifier refuses
// another form, the caller opens the object anew and tries the plain one.
bool object_is_plain(const struct object *object);
bool object_is_lifted(const struct object *object);
// The verifier exceeded its time limit (deadline.h): no other form should be tried.
bool object_is_late(const struct object *object);
