// SPDX-License-Identifier: Apache-2.0
#include "loader/splice.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define LOAD_64 (BPF_LD | BPF_DW | BPF_IMM)

// Where each instruction goes; one more than there are, for what counts to the end.
struct moved {
	uint32_t *to;
	size_t count;
};

static int moved_make(size_t count, const struct splice_piece *pieces, size_t piece_count,
		      struct moved *out, struct fault *why)
{
	uint32_t shift = 0;
	size_t piece = 0;

	out->count = count;
	out->to = calloc(count + 1, sizeof(*out->to));
	if (!out->to)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i <= count; i++) {
		for (; piece < piece_count && pieces[piece].behind < i; piece++)
			shift += pieces[piece].count;
		out->to[i] = (uint32_t)i + shift;
	}
	return 0;
}

// The new distance of a jump or call from instruction `at`, whose old one is given.
static int move_distance(const struct moved *moved, size_t at, int64_t old, int64_t *out,
			 struct fault *why)
{
	int64_t to = (int64_t)at + 1 + old;

	if (to < 0 || to >= (int64_t)moved->count)
		return fault_set(why, FAULT_FORMAT, "instruction %zu leads out of the program", at);
	*out = (int64_t)moved->to[to] - moved->to[at] - 1;
	return 0;
}

// Its distance stands in the immediate number: calls and addresses of the program's own functions, the long jump.
static bool is_far(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
	       (insn->code == LOAD_64 && insn->src_reg == BPF_PSEUDO_FUNC) ||
	       insn->code == (BPF_JMP32 | BPF_JA);
}

static bool is_near(const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static int move_insn(const struct moved *moved, size_t at, struct bpf_insn *insn, struct fault *why)
{
	int64_t distance;

	if (is_far(insn)) {
		if (move_distance(moved, at, insn->imm, &distance, why))
			return -1;
		insn->imm = (int32_t)distance;
	} else if (is_near(insn)) {
		if (move_distance(moved, at, insn->off, &distance, why))
			return -1;
		if (distance < INT16_MIN || distance > INT16_MAX)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the jump at instruction %zu would no longer reach", at);
		insn->off = (int16_t)distance;
	}
	return 0;
}

static int check_records(const struct moved *moved, const struct code_records *records,
			 struct fault *why)
{
	const unsigned char *data = records->data;

	for (size_t i = 0; i < records->count; i++) {
		uint32_t at;

		memcpy(&at, data + i * records->size, sizeof(at));
		if (at >= moved->count)
			return fault_set(why, FAULT_FORMAT, "a BTF record is of no instruction");
	}
	return 0;
}

static void move_records(const struct moved *moved, const struct code_records *records)
{
	unsigned char *data = records->data;

	for (size_t i = 0; i < records->count; i++) {
		uint32_t at;

		memcpy(&at, data + i * records->size, sizeof(at));
		memcpy(data + i * records->size, &moved->to[at], sizeof(at));
	}
}

static void drop_moved(struct moved *moved)
{
	free(moved->to);
}

static int move_insns(const struct moved *moved, const struct code *code, struct bpf_insn *out,
		      struct fault *why)
{
	for (size_t i = 0; i < code->count; i++) {
		struct bpf_insn *insn = &out[moved->to[i]];

		*insn = code->insns[i];
		if (move_insn(moved, i, insn, why))
			return -1;
		// The second half of a 64-bit load is data.
		if (insn->code == LOAD_64 && i + 1 < code->count) {
			i++;
			out[moved->to[i]] = code->insns[i];
		}
	}
	return 0;
}

int splice_code(struct code *code, const struct splice_piece *pieces, size_t count,
		struct fault *why)
{
	OWNED(drop_heap) struct bpf_insn *insns = NULL;
	OWNED(drop_moved) struct moved moved = {0};

	if (moved_make(code->count, pieces, count, &moved, why))
		return -1;
	insns = calloc(moved.to[code->count] + 1, sizeof(*insns));
	if (!insns)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (move_insns(&moved, code, insns, why) || check_records(&moved, &code->functions, why) ||
	    check_records(&moved, &code->lines, why))
		return -1;
	for (size_t i = 0; i < count; i++)
		memcpy(&insns[moved.to[pieces[i].behind] + 1], pieces[i].insns,
		       pieces[i].count * sizeof(*insns));
	move_records(&moved, &code->functions);
	move_records(&moved, &code->lines);
	free(code->insns);
	code->insns = HAND_OVER(insns);
	code->count = moved.to[code->count];
	return 0;
}
