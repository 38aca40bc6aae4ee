// SPDX-License-Identifier: Apache-2.0
// The root program of a hook: pinned with its one-slot array, and attached by a pinned link. It outlives generations;
// it changes only when the policy's answer to a fall-through does, or when somebody damaged it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/manifest.h"
#include "loader/sys.h"

struct anchor {
	uint32_t number; // its directory is root-<number>
	uint32_t program_id;
	char tag[SYS_TAG_HEX];
	int program_fd, array_fd, fell_fd;
	int32_t verdict; // for packets that no chain judged
	_Bool frags;	 // it takes packets in several buffers, as the programs behind it do
	// All members of its chain as one program on a card: it has no array, and jumps nowhere.
	_Bool on_card;
};
#define ANCHOR_NONE                                             \
	{                                                       \
		.program_fd = -1, .array_fd = -1, .fell_fd = -1 \
	}
void anchor_drop(struct anchor *root);

// What a root is to be.
struct anchor_kind {
	enum hook hook;
	int32_t verdict;
	_Bool frags;
};
// Loads our embedded root and pins it as root-<number>, its slot still empty.
int anchor_build(const char *place, const struct anchor_kind *kind, uint32_t number,
		 struct anchor *out, struct fault *why) MUST_CHECK;
// Pins such a program as root-<number>.
int anchor_pin_card(const char *place, int program_fd, int32_t verdict, uint32_t number,
		    struct anchor *out, struct fault *why) MUST_CHECK;
// The pinned root of this number; FAULT_NOT_FOUND when it is not whole.
int anchor_at(const char *place, uint32_t number, struct anchor *out, struct fault *why) MUST_CHECK;
// The number that no root of a place has.
int anchor_free_number(const char *place, uint32_t *out, struct fault *why) MUST_CHECK;
// The pinned root with this program id; FAULT_NOT_FOUND when none is, or when it is damaged.
int anchor_find(const char *place, uint32_t program_id, struct anchor *out, struct fault *why)
	MUST_CHECK;
// The pinned root with the highest number, for a place whose link is gone. FAULT_NOT_FOUND likewise.
int anchor_newest(const char *place, struct anchor *out, struct fault *why) MUST_CHECK;
// The tag that the kernel gives our embedded root on a hook, learned by loading it once. A program under our link and in
// our tree that has another is not ours, whatever it does (A84, A87).
int anchor_tag(enum hook hook, char tag[static SYS_TAG_HEX], struct fault *why) MUST_CHECK;
int anchor_fell(const struct anchor *root, uint64_t *count, struct fault *why) MUST_CHECK;

// The policy's answer on a hook, as a verdict: XDP_PASS or XDP_DROP; TC_ACT_UNSPEC or TC_ACT_SHOT.
int32_t anchor_verdict(enum hook hook, _Bool drop);
