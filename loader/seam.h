// SPDX-License-Identifier: Apache-2.0
// Inlines a wrapper: if possible, the program's entry function is joined with the wrapper in one stack frame. Each of its exits
// becomes a jump to the wrapper, which saves a call and a return for each packet.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/code.h"

struct seam {
	size_t end;   // of the entry function, which starts at instruction 0
	int16_t slot; // 8 bytes below all of the frame that it uses, as an offset from r10
};

// False if the entry function has to be called instead: it makes tail calls of its own, whose verdicts would bypass the
// wrapper; it jumps out of itself, or by an instruction that we do not know; it uses the legacy packet loads
// (BPF_ABS, BPF_IND), which can end the program without an exit; its stack is full; it is too long for a 16-bit jump.
bool seam_find(const struct code *code, struct seam *out);

// After `length` instructions were inserted before the entry function, as part of it: turns its exits into jumps to
// instruction `to`.
void seam_sew(struct code *code, const struct seam *seam, size_t length, size_t to);
