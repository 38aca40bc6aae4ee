// SPDX-License-Identifier: Apache-2.0
// Inserts instructions into a relocated program and adjusts all jumps, calls and BTF records.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/code.h"

// Instructions to insert right behind instruction number `behind`. They are reached from it only: jumps to the instruction that
// followed still go there. Borrowed.
struct splice_piece {
	uint32_t behind;
	const struct bpf_insn *insns;
	uint32_t count;
};

// `pieces` are in ascending order, no two behind the same instruction. FAULT_TOO_LARGE when a jump offset would overflow;
// FAULT_FORMAT for a jump out of the program or records that do not match it. After a refusal the code is unchanged.
int splice_code(struct code *code, const struct splice_piece *pieces, size_t count,
		struct fault *why) MUST_CHECK;
