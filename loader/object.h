// SPDX-License-Identifier: Apache-2.0
// One BPF object: opened, its maps settled by the caller, then exactly one of its programs loaded, gated and perhaps
// wrapped.
#pragma once

#include <stddef.h>

#include <bpf/libbpf.h>

#include "base/fault.h"
#include "bpf/manifest.h"
#include "bpf/policy.h"
#include "loader/wrap.h"

// Where the bytes are and what to take from them. Borrowed until object_load has returned.
struct object_source {
	const void *data; // verified bytes: libbpf is not meant for hostile files (A78)
	size_t len;
	const char *entry; // function name
	enum hook hook;	   // decides the program's type; section names decide nothing (A81)
	const struct manifest_program
		*probe; // with HOOK_PROBE: what to load it for; NULL: only its maps count
	const struct policy *policy; // NULL only for our own, embedded objects
	const char *label;     // "net.count.1.0.0": names the program in refusals and its log file
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

// Gate, wrapper (NULL: none), verifier. FAULT_POLICY from the gate; FAULT_KERNEL with the verifier's last word and the
// path of its whole log.
int object_load(struct object *object, const struct wrap *wrap, struct fault *why) MUST_CHECK;
// Borrowed.
int object_program_fd(const struct object *object);
