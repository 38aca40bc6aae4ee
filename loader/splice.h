// SPDX-License-Identifier: Apache-2.0
// Puts instructions between those of a finished program: every jump, call and record behind them moves.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/code.h"

// What comes right behind one instruction of the program. Nothing jumps to it: what jumped to the instruction that followed
// still does.
struct splice_piece {
	uint32_t behind;
	const struct bpf_insn *insns;
	uint32_t count;
};

// `pieces` in ascending order, no two behind one instruction. FAULT_TOO_LARGE when a jump would no longer reach; FAULT_FORMAT
// when one leads out of the program, or records do not fit: then the code is as it was.
int splice_code(struct code *code, const struct splice_piece *pieces, size_t count,
		struct fault *why) MUST_CHECK;
