// SPDX-License-Identifier: Apache-2.0
// A program on its way to the kernel: its finished instructions and the records that name their functions and lines,
// in a copy that may be rewritten.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/fault.h"

// Records whose first field is an instruction's number, in rising order. None: count is 0.
struct code_records {
	void *data;
	uint32_t count, size;
};

struct code {
	struct bpf_insn *insns;
	size_t count;
	struct code_records functions, lines;
	bool sewn, lifted; // what was done to it: see wrap.h and lift.h
};
void code_drop(struct code *code);

// Copies what libbpf is about to load.
int code_take(const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *opts,
	      struct code *out, struct fault *why) MUST_CHECK;

// Puts instructions before all others. All jumps and calls are relative, so nothing moves against anything else; the
// records are kept right. `own_function`: what is put there is a function by itself, and the entry from now on;
// else it is part of the function that has been the entry.
int code_prepend(struct code *code, const struct bpf_insn *front, size_t count, bool own_function,
		 struct fault *why) MUST_CHECK;
