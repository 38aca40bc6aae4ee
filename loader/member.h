// SPDX-License-Identifier: Apache-2.0
// One place in a chain: a program that has been admitted, with the admin's values for its maps.
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
#include "loader/fall.h"

#define MEMBER_LABEL_MAX   256
#define MEMBER_WHY_NOT_MAX 160

struct member {
	char *name;	      // "net/count"
	char *version;	      // "1.0.0", never a pattern
	char *from;	      // the repository that vouched for it
	struct json *maps;    // { MAP: [ { "key", "value" } ] } of node.json; never NULL
	struct json *globals; // { NAME: VALUE } of node.json; NULL: none
	struct sha256 bundle, object, manifest_sha256; // as signed
	struct manifest *manifest;
	const struct manifest_program *program; // of that manifest
	int object_fd;				// sealed, digest verified
	bool pending; // nobody has looked at its object yet (admit_members): it may not be loaded
	size_t place; // in the list of node.json, from 0
	char section[64];	    // of the program in its object; "" where nobody has looked
	uint32_t jumps_most;	    // tail calls of one run of it; JUMPS_ENDLESS
	struct inspect_type *asked; // of the kernel's types, if a part of them is enough (types.h)
	size_t asked_count;
	struct fall_ways falls; // its jumps to the next program, as far as its object tells
	uint64_t map_bytes;	// what its maps take, about
	bool starts;		// timers and the like, which run on in its maps
	// Why it cannot be offloaded (loader/offload.h); "": nothing is known that is against it.
	char no_offload[MEMBER_WHY_NOT_MAX];
	char *maps_from; // the directory of maps that it takes over; "": none; NULL: that of its own key
	struct json *
		lent; // { MAP: entries } of shared maps that stand with another program; NULL: none
	const struct json *recorded; // what was applied of it before; NULL: not known. Of the plan
};

// Whether the maps that it would take over may not be: code of another object that was started there would run on in them,
// replaced or denied as it is.
bool member_stands_apart(const struct member *member);
void member_drop(struct member *member);
static inline void members_free(struct member *members, size_t count)
{
	for (size_t i = 0; members && i < count; i++)
		member_drop(&members[i]);
	free(members);
}

// The manifest's entry for a hook: the one named, or the only one; of probes the first, where all are of one object (the
// others ride along, loader/probes.h). FAULT_CONFIG when that is nobody's.
int member_choose(struct member *member, enum hook hook, const char *entry, struct fault *why)
	MUST_CHECK;

// "net.count.1.0.0": fit for a file name.
void member_label(const struct member *member, char label[static MEMBER_LABEL_MAX]);
// "corp:net:count", or "corp:net:count:2" for the second of that name: the directory of its maps. What one repository's
// program has counted or been told is nothing to another's of the same name. Of a bundle with several programs for a hook
// the entry stands behind the name. `index` is its place.
void member_key(const struct member *members, size_t index, char key[static MEMBER_LABEL_MAX]);
