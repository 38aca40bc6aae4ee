// SPDX-License-Identifier: Apache-2.0
// Holds a descriptor of everything that is pinned for one chain, as long as `watch` runs. A pin that somebody deletes then
// empties no array, loses no counter and detaches no link (A86), and can be made again without loading anything.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct keeper;

// Opens the link and all pins of one root and one generation below a hook's directory (bpffs_place). `*room` descriptors
// may be opened; it goes down by as many as were. The link and the arrays, which cannot be made again from the rest, come
// first. Missing pins are passed over: nothing is there to hold.
int keeper_open(const char *place, uint32_t root, uint32_t generation, size_t *room,
		struct keeper **out, struct fault *why) MUST_CHECK;
void keeper_free(struct keeper *keeper);
static inline void keeper_drop(struct keeper **keeper)
{
	keeper_free(*keeper);
	*keeper = NULL;
}
uint32_t keeper_root(const struct keeper *keeper);
uint32_t keeper_generation(const struct keeper *keeper);
// The id of the generation's first program, as it was when it was opened; 0: its pin was gone.
uint32_t keeper_program(const struct keeper *keeper);
size_t keeper_count(const struct keeper *keeper); // descriptors it holds

// The descriptor behind a pin, as "link" or "root-1/array"; -1 when it is not held. Borrowed.
int keeper_fd(const struct keeper *keeper, const char *pin);

// How many pins are gone or hold something else than what we opened, a link that was detached not counted. `first` (64 bytes at least) gets the first one's name.
int keeper_check(const struct keeper *keeper, size_t *lost, char *first, size_t room,
		 struct fault *why) MUST_CHECK;
// Only the link's pin, and only while the link is attached. Not a loss of ours then, so no lock is needed.
int keeper_rescue_link(const struct keeper *keeper, struct fault *why) MUST_CHECK;
// Pins those again.
int keeper_put_back(const struct keeper *keeper, size_t *count, struct fault *why) MUST_CHECK;
