// SPDX-License-Identifier: Apache-2.0
// Puts instructions between those of a finished program: every jump, call and record behind them moves.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/fault.h"

// What comes right behind one instruction of the program. Nothing jumps to it: what jumped to the instruction that followed
// still does.
struct splice_piece {
	uint32_t behind;
	const struct bpf_insn *insns;
	uint32_t count;
};

// The program with its pieces: replaces instructions, func_info and line_info of a load, as many records as before. Owned.
struct spliced {
	struct bpf_insn *insns;
	size_t insn_count;
	void *func_info, *line_info; // NULL when the program has none
};
void spliced_drop(struct spliced *spliced);

// `pieces` in ascending order, no two behind one instruction. `opts` is what libbpf is about to load with; it is only read.
// FAULT_TOO_LARGE when a jump would no longer reach; FAULT_FORMAT when one leads out of the program, or records do not fit.
int splice_program(const struct bpf_insn *insns, size_t insn_count,
		   const struct splice_piece *pieces, size_t piece_count,
		   const struct bpf_prog_load_opts *opts, struct spliced *out, struct fault *why)
	MUST_CHECK;
