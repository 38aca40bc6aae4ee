// SPDX-License-Identifier: Apache-2.0
// Where a program's entry function can be sewn to instructions that are to follow it in the same frame: each of its
// exits becomes a jump there, so going on costs no call and no return.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/code.h"

struct seam {
	size_t end;   // of the entry function, which starts at instruction 0
	int16_t slot; // 8 bytes of its frame, below all that it seems to use: an offset from r10
};

// False where the entry function is better called: it makes tail calls of its own, whose verdicts would never come
// back; it jumps out of itself, or in a way that we do not know, or loads from the packet in the old way, which ends it
// without an exit; its stack is full; it is too long for a jump.
bool seam_find(const struct code *code, struct seam *out);

// `length` instructions now stand before the entry function, as part of it: its exits become jumps to number `to`.
void seam_sew(struct code *code, const struct seam *seam, size_t length, size_t to);
