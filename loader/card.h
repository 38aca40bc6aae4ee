// SPDX-License-Identifier: Apache-2.0
// A chain on the card of an interface. A card has neither PROG_ARRAY maps nor tail calls, so the members become one program
// (fuse.h) that is loaded for the card, beside the maps that it uses, and is the root of its generation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/inspection.h"
#include "bpf/manifest.h"
#include "loader/code.h"
#include "loader/member.h"
#include "loader/object.h"
#include "loader/sys.h"

// Why no card takes a program, told from its object: "its map counts is a percpu_array"; "" when nothing speaks against it.
void card_bar(const struct inspection *inspection, const struct manifest *manifest,
	      const struct manifest_program *program, char out[static MEMBER_BAR_MAX]);
// FAULT_CONFIG naming the first of the members that no card takes, with the reason.
int card_check(const struct member *members, size_t count, struct fault *why) MUST_CHECK;
// Whether the interface has a card that takes programs: the kernel is asked, by loading a small one. FAULT_KERNEL.
int card_ask(const char *iface, uint32_t ifindex, struct fault *why) MUST_CHECK;

// Between object_open and object_load: makes those maps of the object on the card that it is not told to use already.
int card_make_maps(struct object *object, uint32_t ifindex, struct fault *why) MUST_CHECK;

// The joined program, loaded for the card; with `ifindex` 0 for the host.
struct card_source {
	const struct code *code;
	uint32_t ifindex;
	bool gpl;	      // every member may call what the kernel keeps for GPL programs
	unsigned seconds_max; // for the verifier; 0: no limit
	const char *label;    // names it in refusals
	const char *log;      // file name of the verifier's log
	int logs_dirfd;	      // as in object.h
	const char *logs_path;
};
int card_load(const struct card_source *source, int *out, struct fault *why) MUST_CHECK;
