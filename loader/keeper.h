// SPDX-License-Identifier: Apache-2.0
// Holds an open descriptor of everything that is pinned for one chain, as long as `watch` runs. If somebody deletes a pin, the
// object lives on: no array is emptied, no counter lost, no link detached (A86), and it can be pinned again.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct keeper;

// Opens the link and all pins of one root and one generation below a hook's directory (bpffs_place). At most `*room`
// descriptors are opened, and `*room` is reduced by their number; the link and the arrays, which cannot be rebuilt from the
// rest, come first. Missing pins are skipped. `*out` is the caller's.
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
// The id of the generation's first program at the time of keeper_open; 0: its pin was missing.
uint32_t keeper_program(const struct keeper *keeper);
size_t keeper_count(const struct keeper *keeper); // descriptors it holds

// The descriptor behind a pin, as "link" or "root-1/array"; -1 when it is not held. Borrowed.
int keeper_fd(const struct keeper *keeper, const char *pin);

// Counts the pins that are missing or are of another object than the one we hold; a link that was detached is not counted.
// `first` gets the name of the first such pin; `room` is its size, at least 64 bytes.
int keeper_check(const struct keeper *keeper, size_t *lost, char *first, size_t room,
		 struct fault *why) MUST_CHECK;
// Pins the link again if its pin is missing while it is attached. Needs no lock: none of our commands removes the pin of an
// attached link.
int keeper_rescue_link(const struct keeper *keeper, struct fault *why) MUST_CHECK;
// Restores all pins that keeper_check counts; `*count` is their number.
int keeper_put_back(const struct keeper *keeper, size_t *count, struct fault *why) MUST_CHECK;
