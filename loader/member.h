// SPDX-License-Identifier: Apache-2.0
// A member of a chain: an admitted program, with the values of node.json for its maps.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"
#include "bpf/node.h"
#include "loader/fall.h"

#define MEMBER_LABEL_MAX   256
#define MEMBER_WHY_NOT_MAX 160

struct member {
	char *name;	      // "net/count"
	char *version;	      // "1.0.0", never a pattern
	char *from;	      // the repository that signed it; "": a stand-in of ours (standin.h)
	struct json *maps;    // { MAP: [ { "key", "value" } ] } of node.json; never NULL
	struct json *globals; // { NAME: VALUE } of node.json; NULL: none
	struct sha256 bundle, object, manifest_sha256; // as signed
	struct manifest *manifest;
	const struct manifest_program *program; // of that manifest
	int object_fd;				// sealed, digest verified
	bool pending;	  // its object was not inspected yet (admit_members): it must not be loaded
	size_t place;	  // in the list of node.json, from 0
	char section[64]; // of the program in its object; "": not inspected
	uint32_t jumps_most;	    // tail calls of one run of it; JUMPS_ENDLESS
	struct inspect_type *asked; // of the kernel's types, if a part of them is enough (types.h)
	size_t asked_count;
	struct fall_ways falls; // its jumps to the next program, as far as its object tells
	uint64_t map_bytes;	// estimated size of its maps
	bool starts;		// it starts timers or the like, which go on to run in its maps
	// Why it cannot be offloaded (loader/offload.h); "": nothing is known that is against it.
	char no_offload[MEMBER_WHY_NOT_MAX];
	char *maps_from; // the directory of maps that it inherits (inherit.h); "": none; NULL: that of its own key
	// { MAP: entries } of shared maps whose values stand at another program; NULL: none.
	struct json *lent;
	// The record of its predecessor, borrowed from the plan; NULL: not known.
	const struct json *recorded;
};

// Whether it must not inherit the maps of its predecessor: a timer that another object has started in them would go on to run,
// although that object is replaced or denied.
bool member_stands_apart(const struct member *member);
void member_drop(struct member *member);
// Drops `count` members and frees the array. NULL is fine.
static inline void members_free(struct member *members, size_t count)
{
	for (size_t i = 0; members && i < count; i++)
		member_drop(&members[i]);
	free(members);
}

// Sets `program`: the manifest's program for a hook that is named `entry`; NULL: the only one. If all programs of a
// hook are probes of one object it is the first; the others come with it (loader/probes.h). FAULT_CONFIG if there is
// none, or several.
int member_choose(struct member *member, enum hook hook, const char *entry, struct fault *why)
	MUST_CHECK;

// Fills in `maps` and `globals` with the values of an entry of node.json. FAULT_OTHER when memory is out.
int member_take_values(struct member *member, const struct node_use *use, struct fault *why)
	MUST_CHECK;

// "net.count.1.0.0", for file names.
void member_label(const struct member *member, char label[static MEMBER_LABEL_MAX]);
// The name of the directory of its maps: "corp:net:count", or "corp:net:count:2" for the second one of that name in
// the chain. It begins with the repository, so that programs of the same name from two repositories do not share
// maps. If the bundle has several programs for the hook, the entry follows the name. `index` is that of the member.
void member_key(const struct member *members, size_t index, char key[static MEMBER_LABEL_MAX]);
