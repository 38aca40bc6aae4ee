// SPDX-License-Identifier: Apache-2.0
// Puts a few instructions before a finished program, so that a program that knows nothing of chains takes part in one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/fault.h"

// Where a wrapped program goes on, and what happens when there is nothing.
struct wrap {
	const int32_t *continue_on; // the verdicts that go on to the next member
	size_t continue_count;
	int next_fd;	      // PROG_ARRAY whose slot 0 is the next member; -1: the chain ends here
	int32_t end_verdict;  // with which a packet that goes on leaves the end
	int fell_fd;	      // ARRAY of one element, a row of u64 counters
	uint32_t fell_offset; // of this member's counter in that element, bytes
	int32_t fell_verdict; // the policy's answer for a packet that fell through
};

// A program with its wrapper: replaces instructions, func_info and line_info of a load. Owned.
struct wrapped {
	struct bpf_insn *insns;
	size_t insn_count;
	void *func_info, *line_info; // NULL when the program has none
	uint32_t func_info_count, line_info_count;
};
void wrapped_drop(struct wrapped *wrapped);

// The program becomes a subprogram of the wrapper; all its jumps are relative, so nothing in it moves. `opts` is
// what libbpf is about to load with; it is only read. FAULT_FORMAT when its records do not fit.
int wrap_program(const struct wrap *wrap, const struct bpf_insn *insns, size_t insn_count,
		 const struct bpf_prog_load_opts *opts, struct wrapped *out, struct fault *why)
	MUST_CHECK;
