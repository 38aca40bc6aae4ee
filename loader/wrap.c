// SPDX-License-Identifier: Apache-2.0
#include "loader/wrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

// The longest wrapper: 3 before the verdicts, 8 verdicts, 1 exit, 5 for the jump, 6 for the fall-through.
#define WRAP_INSNS_MAX	  32
#define WRAP_VERDICTS_MAX 8

struct draft {
	struct bpf_insn insns[WRAP_INSNS_MAX];
	size_t count;
};

static void draft_add(struct draft *draft, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		      int32_t imm)
{
	struct bpf_insn *insn = &draft->insns[draft->count++];

	*insn = (struct bpf_insn){.code = code, .off = off, .imm = imm};
	insn->dst_reg = (unsigned)dst & 0xfu;
	insn->src_reg = (unsigned)src & 0xfu;
}

// A 64-bit load of a map, or (PSEUDO_MAP_VALUE) of an address in its first element: two instructions.
static void draft_add_map(struct draft *draft, uint8_t dst, uint8_t pseudo, int fd, uint32_t offset)
{
	draft_add(draft, BPF_LD | BPF_DW | BPF_IMM, dst, pseudo, 0, fd);
	draft_add(draft, 0, 0, 0, 0, (int32_t)offset);
}

static void draft_end(const struct wrap *wrap, struct draft *draft)
{
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, wrap->end_verdict);
	draft_add(draft, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void draft_jump(const struct wrap *wrap, struct draft *draft)
{
	// The slot is a constant: the JIT turns it into a direct jump (a variable costs four times as much).
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	draft_add_map(draft, BPF_REG_2, BPF_PSEUDO_MAP_FD, wrap->next_fd, 0);
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0);
	draft_add(draft, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);

	// Only reached when the slot is empty or the tail-call budget is spent: both are anomalies (A86, A90).
	draft_add_map(draft, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, wrap->fell_fd, wrap->fell_offset);
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1);
	draft_add(draft, BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, 0, BPF_ADD);
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, wrap->fell_verdict);
	draft_add(draft, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static size_t draft_wrapper(const struct wrap *wrap, struct draft *draft)
{
	size_t verdicts = wrap->continue_count, call;

	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	call = draft->count;
	draft_add(draft, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	// 32-bit compares: a verdict is an int, and the upper half of r0 is whatever the program left there.
	for (size_t i = 0; i < verdicts; i++)
		draft_add(draft, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, (int16_t)(verdicts - i),
			  wrap->continue_on[i]);
	draft_add(draft, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	if (wrap->next_fd < 0)
		draft_end(wrap, draft);
	else
		draft_jump(wrap, draft);
	draft->insns[call].imm = (int32_t)(draft->count - call - 1);
	return draft->count;
}

// Copies records whose first field is an instruction offset, moves them all by `shift`, and puts a copy of the first
// one at offset 0: the kernel wants one at the start of every function, and the wrapper is one now.
static int shift_records(const void *records, uint32_t count, uint32_t size, uint32_t shift,
			 void **out, uint32_t *out_count, struct fault *why)
{
	OWNED(drop_heap) unsigned char *copy = NULL;

	if (!records || !count)
		return 0;
	if (size < sizeof(uint32_t) || size > 4096)
		return fault_set(why, FAULT_FORMAT, "BTF records of %u bytes make no sense", size);
	copy = calloc((size_t)count + 1, size);
	if (!copy)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(copy, records, size);
	memset(copy, 0, sizeof(uint32_t));
	memcpy(copy + size, records, (size_t)count * size);
	for (size_t i = 1; i <= count; i++) {
		uint32_t offset;

		memcpy(&offset, copy + i * size, sizeof(offset));
		offset += shift;
		memcpy(copy + i * size, &offset, sizeof(offset));
	}
	*out = HAND_OVER(copy);
	*out_count = count + 1;
	return 0;
}

void wrapped_drop(struct wrapped *wrapped)
{
	free(wrapped->insns);
	free(wrapped->func_info);
	free(wrapped->line_info);
	*wrapped = (struct wrapped){0};
}

int wrap_program(const struct wrap *wrap, const struct bpf_insn *insns, size_t insn_count,
		 const struct bpf_prog_load_opts *opts, struct wrapped *out, struct fault *why)
{
	OWNED(wrapped_drop) struct wrapped made = {0};
	struct draft draft = {.count = 0};
	size_t length;

	if (wrap->continue_count == 0 || wrap->continue_count > WRAP_VERDICTS_MAX)
		return fault_set(why, FAULT_FORMAT,
				 "a chained program needs 1 to %d verdicts that go on",
				 WRAP_VERDICTS_MAX);
	length = draft_wrapper(wrap, &draft);
	made.insns = calloc(length + insn_count, sizeof(*insns));
	if (!made.insns)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(made.insns, draft.insns, length * sizeof(*insns));
	memcpy(made.insns + length, insns, insn_count * sizeof(*insns));
	made.insn_count = length + insn_count;
	if (shift_records(opts->func_info, opts->func_info_cnt, opts->func_info_rec_size,
			  (uint32_t)length, &made.func_info, &made.func_info_count, why) ||
	    shift_records(opts->line_info, opts->line_info_cnt, opts->line_info_rec_size,
			  (uint32_t)length, &made.line_info, &made.line_info_count, why))
		return -1;
	*out = made;
	made = (struct wrapped){0};
	return 0;
}
