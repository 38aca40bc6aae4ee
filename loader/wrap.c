// SPDX-License-Identifier: Apache-2.0
#include "loader/wrap.h"

#include "loader/seam.h"

// The longest wrapper: 2 before the verdicts, 8 verdicts, 1 exit, 5 for the jump, 6 for the fall-through.
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

// `context`: the offset from r10 at which the context was saved; 0: it is in r6.
static void draft_jump(const struct wrap *wrap, int16_t context, struct draft *draft)
{
	if (context)
		draft_add(draft, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_10, context, 0);
	else
		draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	// The slot is a constant: the JIT turns it into a direct jump (a variable costs four times as much).
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

// With the program's verdict in r0: on to the next member, or out.
static void draft_verdict(const struct wrap *wrap, int16_t context, struct draft *draft)
{
	size_t verdicts = wrap->continue_count;

	// 32-bit compares: a verdict is an int, and the upper half of r0 is whatever the program left there.
	for (size_t i = 0; i < verdicts; i++)
		draft_add(draft, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, (int16_t)(verdicts - i),
			  wrap->continue_on[i]);
	draft_add(draft, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	if (wrap->next_fd >= 0) {
		draft_jump(wrap, context, draft);
		return;
	}
	draft_add(draft, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, wrap->end_verdict);
	draft_add(draft, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int wrap_by_call(const struct wrap *wrap, struct code *code, struct fault *why)
{
	struct draft draft = {.count = 0};
	size_t call;

	draft_add(&draft, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	call = draft.count;
	draft_add(&draft, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	draft_verdict(wrap, 0, &draft);
	draft.insns[call].imm = (int32_t)(draft.count - call - 1);
	return code_prepend(code, draft.insns, draft.count, true, why);
}

// No call, so no return either: where a kernel makes each return go by a thunk against the CPU's guesses (retbleed,
// SRSO), the return alone was measured at 8 ns, five times what all the rest of a hop costs.
static int wrap_by_seam(const struct wrap *wrap, const struct seam *seam, struct code *code,
			struct fault *why)
{
	struct draft draft = {.count = 0};
	size_t over;

	draft_add(&draft, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_1, seam->slot, 0);
	over = draft.count;
	draft_add(&draft, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	draft_verdict(wrap, seam->slot, &draft);
	draft.insns[over].off = (int16_t)(draft.count - over - 1);
	if (code_prepend(code, draft.insns, draft.count, false, why))
		return -1;
	seam_sew(code, seam, draft.count, over + 1);
	code->sewn = true;
	return 0;
}

int wrap_program(const struct wrap *wrap, struct code *code, struct fault *why)
{
	struct seam seam;

	if (wrap->continue_count == 0 || wrap->continue_count > WRAP_VERDICTS_MAX)
		return fault_set(why, FAULT_FORMAT,
				 "a chained program needs 1 to %d verdicts that go on",
				 WRAP_VERDICTS_MAX);
	if (!wrap->by_call && seam_find(code, &seam))
		return wrap_by_seam(wrap, &seam, code, why);
	return wrap_by_call(wrap, code, why);
}
