// SPDX-License-Identifier: Apache-2.0
// What a kernel test stands on: a network namespace with a veth pair, a BPF file system of its own, and members made
// from the test objects without any signature.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/policy.h"
#include "loader/chain.h"
#include "loader/member.h"
#include "loader/object.h"

#define GROUND_IFACE "seal0" // its peer is "peer0"
#define GROUND_WAY   48

struct ground {
	char root[64]; // --root of this test; has sys/fs/bpf
	char logs[96];
	char *tree;
	int logs_dirfd;
	struct policy policy;
};

// True when the kernel lets us work. Otherwise says so on stderr; with BPFSEAL_REQUIRE naming "bpf" it fails instead.
bool ground_ready(void);
// A fresh pair of interfaces and a fresh tree for one test, and what takes them away again.
void ground_up(struct ground *ground);
void ground_down(struct ground *ground);

// The same as setup and teardown of a cmocka test; *state is the ground, or NULL where the kernel does not let us work.
int ground_setup(void **state);
int ground_teardown(void **state);
// The ground of the test. Where there is none, the test is skipped here.
struct ground *the_ground(void **state);

// One member from a test object (TEST_BPF_DIR/<object>); `maps` is JSON text or NULL.
struct member ground_member(const char *name, const char *object, const char *entry, enum hook hook,
			    enum linkage linkage, const char *maps);
// One program of a test object, loaded by itself: part of no chain. (The loader's door, as its hooks into libbpf are
// process-wide.) Free with object_free.
struct object *ground_object(const char *object, const char *entry, enum hook hook);
// A map of such an object.
int ground_object_map(const struct object *object, const char *name);
struct chain_spec ground_spec(const struct ground *ground, const struct member *members,
			      size_t count);
// Builds, commits and settles; asserts that all of it works.
void ground_apply(const struct ground *ground, const struct member *members, size_t count);

// Sends one packet through the running root with the kernel's test-run and returns its verdict; `way` gets the marks
// that it collected, e.g. "1 2 3".
int ground_run(const struct ground *ground, char way[static GROUND_WAY]);
// The same, after so many further tail calls. The kernel allows 33 in all, the root's into the chain among them.
int ground_run_after(const struct ground *ground, enum hook hook, uint32_t jumps,
		     char way[static GROUND_WAY]);
// A u64 in slot 0 of a pinned map of the running chain.
uint64_t ground_count(const struct ground *ground, const char *key, const char *map);
// The same on any hook.
uint64_t ground_count_on(const struct ground *ground, enum hook hook, const char *key,
			 const char *map);
// Waits until the kernel has worked off what was sent on a veth without XDP.
void ground_drain(void);
// Runs a command, asserts that it succeeds.
void ground_sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
