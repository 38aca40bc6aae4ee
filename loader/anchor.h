// SPDX-License-Identifier: Apache-2.0
// The root program of a hook: pinned with its one-slot PROG_ARRAY and attached by a pinned link. It outlives generations: it
// is replaced only when the policy's verdict for a fall-through changes, or when it was damaged.
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
	int program_fd, array_fd,
		fell_fd; // owned; fell_fd: its counter of packets that fell through
	int32_t verdict; // for a packet that fell through: its slot was empty
	_Bool frags;	 // accepts multi-buffer packets, as its chain does
	// Offloaded: the whole chain is one program on the card (loader/offload.h), without array or tail calls.
	_Bool on_card;
};
#define ANCHOR_NONE                                             \
	{                                                       \
		.program_fd = -1, .array_fd = -1, .fell_fd = -1 \
	}
// Closes the descriptors; what is pinned stays.
void anchor_drop(struct anchor *root);

// What kind of root to build.
struct anchor_kind {
	enum hook hook;
	int32_t verdict;
	_Bool frags;
};
// All of these fill `out`, which is the caller's. `place` is a hook's directory (bpffs_place).
// Loads our embedded root program and pins it as root-<number>, its slot empty. FAULT_KERNEL.
int anchor_build(const char *place, const struct anchor_kind *kind, uint32_t number,
		 struct anchor *out, struct fault *why) MUST_CHECK;
// Pins an offloaded program, already loaded, as root-<number>. `program_fd` is borrowed.
int anchor_pin_card(const char *place, int program_fd, int32_t verdict, uint32_t number,
		    struct anchor *out, struct fault *why) MUST_CHECK;
// Opens the pinned root of this number; FAULT_NOT_FOUND when a part of it is missing.
int anchor_at(const char *place, uint32_t number, struct anchor *out, struct fault *why) MUST_CHECK;
// A number that no root of this place has.
int anchor_free_number(const char *place, uint32_t *out, struct fault *why) MUST_CHECK;
// Opens the pinned root with this program id; FAULT_NOT_FOUND when there is none or a part of it is missing.
int anchor_find(const char *place, uint32_t program_id, struct anchor *out, struct fault *why)
	MUST_CHECK;
// Opens the pinned root with the highest number, for a place whose link is gone. FAULT_NOT_FOUND likewise.
int anchor_newest(const char *place, struct anchor *out, struct fault *why) MUST_CHECK;
// The tag (a digest of the instructions) that the kernel gives our embedded root, learned by loading it once. A program that
// is pinned as our root and has another tag is not ours (A84, A87).
int anchor_tag(enum hook hook, char tag[static SYS_TAG_HEX], struct fault *why) MUST_CHECK;
// The tags of both kinds of roots, XDP and TC, each learned when it is first asked for. Starts as {0}.
struct anchor_tags {
	char tags[2][SYS_TAG_HEX];
};
// `*out` is borrowed from `tags`.
int anchor_tags_get(struct anchor_tags *tags, enum hook hook, const char **out, struct fault *why)
	MUST_CHECK;
// How many packets fell through behind the root since it was loaded.
int anchor_fell(const struct anchor *root, uint64_t *count, struct fault *why) MUST_CHECK;

// The verdict for a fall-through on a hook: XDP_PASS or XDP_DROP; TC_ACT_UNSPEC or TC_ACT_SHOT.
int32_t anchor_verdict(enum hook hook, _Bool drop);
