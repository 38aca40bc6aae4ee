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

void spliced_drop(struct spliced *spliced)
{
	free(spliced->insns);
	free(spliced->func_info);
	free(spliced->line_info);
	*spliced = (struct spliced){0};
}

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

// Copies records whose first field is an instruction offset.
static int move_records(const struct moved *moved, const void *records, uint32_t count,
			uint32_t size, void **out, struct fault *why)
{
	OWNED(drop_heap) unsigned char *copy = NULL;

	if (!records || !count)
		return 0;
	if (size < sizeof(uint32_t) || size > 4096)
		return fault_set(why, FAULT_FORMAT, "BTF records of %u bytes make no sense", size);
	copy = malloc((size_t)count * size);
	if (!copy)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(copy, records, (size_t)count * size);
	for (size_t i = 0; i < count; i++) {
		uint32_t at;

		memcpy(&at, copy + i * size, sizeof(at));
		if (at >= moved->count)
			return fault_set(why, FAULT_FORMAT, "a BTF record is of no instruction");
		memcpy(copy + i * size, &moved->to[at], sizeof(at));
	}
	*out = HAND_OVER(copy);
	return 0;
}

static void drop_moved(struct moved *moved)
{
	free(moved->to);
}

int splice_program(const struct bpf_insn *insns, size_t insn_count,
		   const struct splice_piece *pieces, size_t piece_count,
		   const struct bpf_prog_load_opts *opts, struct spliced *out, struct fault *why)
{
	OWNED(spliced_drop) struct spliced made = {0};
	OWNED(drop_moved) struct moved moved = {0};

	if (moved_make(insn_count, pieces, piece_count, &moved, why))
		return -1;
	made.insn_count = moved.to[insn_count];
	made.insns = calloc(made.insn_count + 1, sizeof(*insns));
	if (!made.insns)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < insn_count; i++) {
		struct bpf_insn *insn = &made.insns[moved.to[i]];

		*insn = insns[i];
		if (move_insn(&moved, i, insn, why))
			return -1;
		// The second half of a 64-bit load is data.
		if (insn->code == LOAD_64 && i + 1 < insn_count) {
			i++;
			made.insns[moved.to[i]] = insns[i];
		}
	}
	for (size_t i = 0; i < piece_count; i++)
		memcpy(&made.insns[moved.to[pieces[i].behind] + 1], pieces[i].insns,
		       pieces[i].count * sizeof(*insns));
	if (move_records(&moved, opts->func_info, opts->func_info_cnt, opts->func_info_rec_size,
			 &made.func_info, why) ||
	    move_records(&moved, opts->line_info, opts->line_info_cnt, opts->line_info_rec_size,
			 &made.line_info, why))
		return -1;
	*out = made;
	made = (struct spliced){0};
	return 0;
}
