// SPDX-License-Identifier: Apache-2.0
// One BPF object: opened, its maps settled by the caller, then exactly one of its programs loaded, gated and perhaps
// wrapped.
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

// Where the bytes are and what to take from them. Borrowed until object_load has returned.
struct object_source {
	const void *data; // verified bytes: libbpf is not meant for hostile files (A78)
	size_t len;
	const char *entry; // function name
	enum hook hook;	   // decides the program's type; section names decide nothing (A81)
	const struct manifest_program
		*probe; // with HOOK_PROBE: what to load it for; NULL: only its maps count
	bool frags; // the programs of its chain take packets in several buffers; only with HOOK_XDP
	bool is_part;  // of a program that others are parts of too (fuse.h): its code is kept
	uint32_t card; // index of the interface on whose card it shall be; 0: in the host
	const struct policy *policy; // NULL only for our own, embedded objects
	const char *label; // "net.count.1.0.0": names the program in refusals and its log file
	// What its code asks of the kernel's types, where that can be answered from a part of them (types.h), and who reads
	// them; else 0 and NULL.
	const struct inspect_type *asked;
	size_t asked_count;
	struct types *types;
	int logs_dirfd;	       // where a verifier's log goes; -1: nowhere
	const char *logs_path; // the same directory for people
};

struct object;

// Parses; nothing is in the kernel yet. Pinning by name that the object asks for is switched off.
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

// Between open and load: the program will use `fd` wherever it names this map. `fd` is taken over. (Not
// bpf_map__reuse_fd: it opens "/", which the loader's Landlock rules refuse. libbpf still makes its own map, so it
// is made small, and it goes away with the object.)
int object_use_map(struct object *object, struct bpf_map *map, int fd, struct fault *why)
	MUST_CHECK;
// The descriptor that the loaded program really uses. Borrowed.
int object_map_fd(const struct object *object, const struct bpf_map *map);

// Between open and load: asks that the whole of it be lifted (lift.h), if that is possible.
void object_lift(struct object *object);
// Between open and load: the program goes on by itself, and what falls through is to be counted.
void object_count_falls(struct object *object, const struct fall *fall);
// After the load: what came of it.
struct fall_ways object_falls(const struct object *object);

// Gate, wrapper (NULL: none), verifier. FAULT_POLICY from the gate; FAULT_KERNEL with the verifier's last word and the
// path of its whole log; the latter only in the plain form.
int object_load(struct object *object, const struct wrap *wrap, struct fault *why) MUST_CHECK;
// Its finished code, of a part, after the load. Borrowed.
const struct code *object_code(const struct object *object);
// What the verifier said, "" when it was not asked or had no objection. Borrowed.
const char *object_log(const struct object *object);
// Borrowed.
int object_program_fd(const struct object *object);
// After object_load, whatever it said. Plain: neither sewn to its wrapper nor lifted. Should the verifier ever refuse what
// comes of these, the plain form of a new object is worth a try.
bool object_is_plain(const struct object *object);
bool object_is_lifted(const struct object *object);
// The verifier was stopped: no other form of it is worth as much time again.
bool object_is_late(const struct object *object);
