// SPDX-License-Identifier: Apache-2.0
// One hop of a generation that is being built: a member's program, opened, loaded behind the code that goes on to the
// next hop, pinned with its maps and probes. No packet meets it yet.
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

// What all hops of one generation are made with. Borrowed by them.
struct generation {
	const struct chain_spec *spec;
	uint32_t number;
	char dir[BPFFS_PATH_MAX]; // gen-<number> below the hook's directory
	// Where the maps of the generation that it replaces are pinned; "": there are none to keep.
	char old_maps[BPFFS_PATH_MAX];
	int fell_fd;	      // ARRAY of one element, a row of u64 counters: one a hop (fall.h)
	int32_t fell_verdict; // of a packet for which the next hop was not there
	bool frags;	      // the programs take packets in several buffers (fit.h)
	// Index of the interface on whose card it shall run, as one program: hops are its parts, and do not jump. 0: in
	// the host.
	uint32_t card;
};

struct hop {
	const struct member *member; // borrowed
	size_t index;		     // in the chain, from 0
	// Open until the values are written: it knows the types of the maps.
	struct object *object;
	struct values values; // of node.json, as the bytes of the maps
	int next_fd;	      // PROG_ARRAY of one slot, through which it goes on; -1: it does not
	struct chain_program program; // what came of it

	// Only until it is loaded and its probes are attached.
	char label[MEMBER_LABEL_MAX];
	struct bytes bytes;
	struct object_source source;
	char old_maps[BPFFS_PATH_MAX], shared_maps[BPFFS_PATH_MAX];
	struct maps_places places; // borrows both
	struct fault refused;	   // by the first load
};

void hop_init(struct hop *hop, const struct member *members, size_t index);
void hop_drop(struct hop *hop);

// One for each member of generation->spec, side by side where that is possible. What was pinned until a refusal is gone
// when generation->dir is.
int hops_build(const struct generation *generation, struct hop *hops, struct fault *why) MUST_CHECK;

// Of a generation on a card, after that: joins them into the one program that runs, and pins it in each place.
int hops_join(const struct generation *generation, struct hop *hops, int *out, struct fault *why)
	MUST_CHECK;

// Writes the admin's values into the maps that are new.
int hop_fill(const struct hop *hop, struct fault *why) MUST_CHECK;
// Writes those that changed into maps that were kept: the running generation sees them at once.
int hop_update(const struct generation *generation, const struct hop *hop, struct fault *why)
	MUST_CHECK;
