// SPDX-License-Identifier: Apache-2.0
#include "loader/seam.h"

#define STACK_MAX 512
// Jumps have 16 bits; what is put before the function is short, and this is room enough for it.
#define LENGTH_MAX (INT16_MAX - 256)

// Two jumps that the headers of this build do not know: with 32 bits, and "may_goto".
#define JUMP_LONG (BPF_JMP32 | BPF_JA)
#define JUMP_MAY  (BPF_JMP | 0xe0)

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_DW | BPF_IMM);
}

static bool is_exit(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_EXIT);
}

// The instruction that starts another function, when this one names it: a call, or a callback's address.
static bool names_function(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
	       (is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC);
}

// BPF_LD_ABS and BPF_LD_IND end the function where the packet is too short, without an exit instruction that could be turned
// into a jump.
static bool exits_unseen(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD &&
	       (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND);
}

// The entry function ends where the first of the others starts. The records say so too, where there are any, and the
// verifier holds both against each other.
static bool find_end(const struct code *code, size_t *end)
{
	*end = code->count;
	for (size_t i = 0; i < code->count; i++) {
		const struct bpf_insn *insn = &code->insns[i];

		if (names_function(insn)) {
			int64_t start = (int64_t)i + 1 + insn->imm;

			if (start <= 0 || start >= (int64_t)code->count)
				return false;
			if ((size_t)start < *end)
				*end = (size_t)start;
		}
		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 &&
		    insn->imm == BPF_FUNC_tail_call)
			return false;
		if (is_wide(insn))
			i++;
	}
	return *end <= LENGTH_MAX;
}

// Sewn together, the verifier takes both parts for one function and would let a jump out of the one land in the middle
// of the other. So what it refuses elsewhere is looked for here: a jump out of the function.
static bool jump_stays(const struct bpf_insn *insn, size_t at, size_t end)
{
	unsigned op = BPF_OP(insn->code);
	int64_t to;

	if (insn->code == JUMP_LONG)
		to = (int64_t)at + 1 + insn->imm;
	else if (insn->code == JUMP_MAY || insn->code == (BPF_JMP | BPF_JA) ||
		 (op > BPF_JA && op <= BPF_JSLE))
		to = (int64_t)at + 1 + insn->off;
	else
		return false;
	return to >= 0 && to < (int64_t)end;
}

// Whether the control flow of the function is known: all jumps have targets within it, and every exit is an instruction.
static bool ways_are_known(const struct code *code, size_t end)
{
	for (size_t i = 0; i < end; i++) {
		const struct bpf_insn *insn = &code->insns[i];
		unsigned class = BPF_CLASS(insn->code);

		if (is_wide(insn))
			i++;
		else if (exits_unseen(insn))
			return false;
		else if ((class == BPF_JMP || class == BPF_JMP32) &&
			 insn->code != (BPF_JMP | BPF_CALL) && !is_exit(insn) &&
			 !jump_stays(insn, i, end))
			return false;
	}
	return true;
}

// How far below r10 an instruction reaches, as compilers write it. Only a guess is needed: where the program reaches
// deeper and overwrites the slot, the verifier refuses the tail call, as its argument is then no context.
static int depth_of(const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code);
	bool loads = class == BPF_LDX && insn->src_reg == BPF_REG_10;
	bool stores = (class == BPF_ST || class == BPF_STX) && insn->dst_reg == BPF_REG_10;

	if (loads || stores)
		return -insn->off;
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && insn->imm >= -STACK_MAX)
		return -insn->imm;
	return 0;
}

static bool find_slot(const struct code *code, size_t end, int16_t *slot)
{
	int depth = 0;

	for (size_t i = 0; i < end; i++) {
		int reach = depth_of(&code->insns[i]);

		if (reach > depth)
			depth = reach;
		if (is_wide(&code->insns[i]))
			i++;
	}
	depth = (depth + 7) / 8 * 8 + 8;
	*slot = (int16_t)-depth;
	return depth <= STACK_MAX;
}

bool seam_find(const struct code *code, struct seam *out)
{
	return find_end(code, &out->end) && ways_are_known(code, out->end) &&
	       find_slot(code, out->end, &out->slot);
}

void seam_sew(struct code *code, const struct seam *seam, size_t length, size_t to)
{
	for (size_t i = length; i < length + seam->end; i++) {
		struct bpf_insn *insn = &code->insns[i];

		if (is_exit(insn))
			*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA,
						  .off = (int16_t)((int64_t)to - (int64_t)i - 1)};
		else if (is_wide(insn))
			i++;
	}
}
