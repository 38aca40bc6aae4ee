// SPDX-License-Identifier: Apache-2.0
// A program between libbpf's relocations and the load: its final instructions and their BTF function and line records, in a
// copy that may be rewritten.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/fault.h"

// BTF.ext records; the first field of each is an instruction index, ascending. None: count is 0.
struct code_records {
	void *data;
	uint32_t count, size;
};

struct code {
	struct bpf_insn *insns;
	size_t count;
	struct code_records functions, lines;
	bool sewn, lifted; // which rewrites were done: wrap.h, lift.h
};
void code_drop(struct code *code);

// Copies what libbpf is about to load.
int code_take(const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *opts,
	      struct code *out, struct fault *why) MUST_CHECK;

// Inserts instructions before all others and shifts the records. Jumps and calls are relative, so they stay valid.
// `own_function`: what is inserted becomes a function of its own and the new entry; else it extends the entry function.
int code_prepend(struct code *code, const struct bpf_insn *front, size_t count, bool own_function,
		 struct fault *why) MUST_CHECK;
