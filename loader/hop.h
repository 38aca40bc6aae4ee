// SPDX-License-Identifier: Apache-2.0
// One hop of a generation that is being built: a member's program with the code that jumps to the next hop, loaded
// and pinned with its maps and probes. No packet reaches it yet.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "loader/bpffs.h"
#include "loader/chain.h"
#include "loader/maps.h"
#include "loader/member.h"
#include "loader/object.h"
#include "loader/values.h"

// What the hops of one generation have in common. Borrowed by them.
struct generation {
	const struct chain_spec *spec;
	uint32_t number;
	char dir[BPFFS_PATH_MAX]; // gen-<number> below the hook's directory
	// The directory of the previous generation's maps; "": there are none to keep.
	char old_maps[BPFFS_PATH_MAX];
	int fell_fd;	      // ARRAY of one element, a row of u64 counters: one a hop (fall.h)
	int32_t fell_verdict; // for a packet that falls through: the next hop is missing
	bool frags;	      // the programs accept multi-buffer packets (fit.h)
	// Index of the interface to offload it to: then the hops are joined into one program and do not jump. 0: not
	// offloaded.
	uint32_t card;
};

struct hop {
	const struct member *member; // borrowed
	size_t index;		     // in the chain, from 0
	// Open until the values are written, since it has the types of the maps.
	struct object *object;
	struct values values;	      // of node.json, encoded for the maps
	int next_fd;		      // PROG_ARRAY of one slot for the next hop; -1: the last hop
	struct chain_program program; // the result

	// Used only until it is loaded and its probes are attached.
	char label[MEMBER_LABEL_MAX];
	struct bytes bytes;
	struct object_source source;
	char old_maps[BPFFS_PATH_MAX], shared_maps[BPFFS_PATH_MAX];
	struct maps_places places; // borrows both
	struct fault refused;	   // the kernel's refusal of the first load
};

void hop_init(struct hop *hop, const struct member *members, size_t index);
void hop_drop(struct hop *hop);

// Builds one hop for each member of generation->spec, several in parallel if possible. `hops` is an array of as many,
// the caller's (hop_drop). After a refusal the caller removes generation->dir, and with it everything that was
// pinned. FAULT_KERNEL with the verifier's reason; FAULT_CONFIG for a value that does not fit.
int hops_build(const struct generation *generation, struct hop *hops, struct fault *why) MUST_CHECK;

// For an offloaded generation, after hops_build: joins the hops into one program, loads it, and pins it at the place
// of each hop. `*out` is its descriptor, the caller's.
int hops_join(const struct generation *generation, struct hop *hops, int *out, struct fault *why)
	MUST_CHECK;

// Writes the values of node.json to the maps that were created.
int hop_fill(const struct hop *hop, struct fault *why) MUST_CHECK;
// Writes the values that changed to the maps that are kept. The running generation uses them too.
int hop_update(const struct generation *generation, const struct hop *hop, struct fault *why)
	MUST_CHECK;
