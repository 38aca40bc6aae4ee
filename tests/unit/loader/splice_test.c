// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/fall.h"
#include "loader/splice.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define NOTE(number)                                                                       \
	{                                                                                  \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = (number) \
	}
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}
#define MARK 4711

static const struct bpf_insn piece[] = {NOTE(MARK), NOTE(MARK), NOTE(MARK)};
static const struct bpf_prog_load_opts plain = {.sz = sizeof(plain)};

// What libbpf would load, with its pieces. `out` stays empty after a refusal.
static int splice(const struct bpf_insn *insns, size_t count, const struct splice_piece *pieces,
		  size_t piece_count, const struct bpf_prog_load_opts *opts, struct code *out,
		  struct fault *why)
{
	OWNED(code_drop) struct code code = {0};

	if (code_take(insns, count, opts, &code, why) ||
	    splice_code(&code, pieces, piece_count, why))
		return -1;
	*out = code;
	code = (struct code){0};
	return 0;
}

static struct code spliced(const struct bpf_insn *insns, size_t count,
			   const struct splice_piece *pieces, size_t piece_count)
{
	struct code out = {0};
	struct fault why = {0};

	if (splice(insns, count, pieces, piece_count, &plain, &out, &why))
		fail_msg("%s", why.text);
	return out;
}

static void every_way_of_jumping_lands_where_it_did(void **state)
{
	const struct bpf_insn insns[] = {
		/* 0 */ {.code = BPF_JMP | BPF_JEQ | BPF_K, .off = 8},
		/* 1 */ {.code = BPF_JMP32 | BPF_JA, .imm = 8},
		/* 2 */ {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 7},
		/* 3 */ {.code = BPF_LD | BPF_DW | BPF_IMM, .src_reg = BPF_PSEUDO_FUNC, .imm = 6},
		/* 4 */ {0},
		/* 5 */ {.code = BPF_JMP | 0xe0, .off = 4},			 // may_goto
		/* 6 */ {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call}, // a piece follows
		/* 7 */ {.code = BPF_JMP | BPF_JA, .off = -8},
		/* 8 */ {.code = BPF_JMP32 | BPF_JNE | BPF_X, .off = -2},
		/* 9 */ EXIT,
		/* 10 */ EXIT,
	};
	const struct splice_piece pieces[] = {{.behind = 6, .insns = piece, .count = 3}};
	struct code out = spliced(insns, COUNT(insns), pieces, 1);

	(void)state;
	assert_int_equal(out.count, COUNT(insns) + 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(out.insns[7 + i].imm, MARK);
	assert_int_equal(out.insns[0].off, 8 + 3);
	assert_int_equal(out.insns[1].imm, 8 + 3);
	assert_int_equal(out.insns[2].imm, 7 + 3);
	assert_int_equal(out.insns[3].imm, 6 + 3);
	assert_int_equal(out.insns[5].off, 4 + 3);
	assert_int_equal(out.insns[6].imm, BPF_FUNC_tail_call);
	assert_int_equal(out.insns[10].off, -8 - 3);
	// To what followed the piece, not to the piece: 11 + 1 - 2 is 10.
	assert_int_equal(out.insns[11].off, -2);
	assert_int_equal(out.insns[12].code, BPF_JMP | BPF_EXIT);
	code_drop(&out);
}

// What looks like a jump in the second half of a 64-bit load is data.
static void data_is_left_alone(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .imm = 7},
		{.code = BPF_JMP | BPF_JA, .off = 900, .imm = 8},
		{.code = BPF_JMP | BPF_CALL, .imm = 5},
		EXIT,
	};
	const struct splice_piece pieces[] = {{.behind = 2, .insns = piece, .count = 1}};
	struct code out = spliced(insns, COUNT(insns), pieces, 1);

	(void)state;
	assert_memory_equal(out.insns, insns, 3 * sizeof(*insns));
	code_drop(&out);
}

// Where the instruction with this number stands now.
static size_t place_of(const struct code *out, uint32_t number)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->insns[i].code == (BPF_JMP | BPF_JEQ | BPF_K) &&
		    out->insns[i].imm == (int32_t)number)
			return i;
	fail_msg("instruction %u is gone", number);
	return 0;
}

// Random programs of nothing but jumps, each with its number in it, and random pieces: every one still leads to the same
// number.
static void any_program_keeps_all_its_ways(void **state)
{
	(void)state;
	srandom(1);
	for (int run = 0; run < 200; run++) {
		size_t count = 2 + (size_t)random() % 60;
		struct bpf_insn insns[64];
		struct splice_piece pieces[64];
		size_t piece_count = 0;
		struct code out;

		for (size_t i = 0; i < count; i++)
			insns[i] = (struct bpf_insn){
				.code = BPF_JMP | BPF_JEQ | BPF_K,
				.off = (int16_t)((long)((size_t)random() % count) - (long)i - 1),
				.imm = (int32_t)i};
		for (uint32_t i = 0; i < count; i++)
			if (random() % 3 == 0)
				pieces[piece_count++] =
					(struct splice_piece){.behind = i,
							      .insns = piece,
							      .count = 1 + (uint32_t)random() % 3};
		out = spliced(insns, count, pieces, piece_count);
		for (uint32_t i = 0; i < count; i++) {
			size_t now = place_of(&out, i);
			size_t to = (size_t)((long)now + 1 + out.insns[now].off);

			assert_int_equal(out.insns[to].imm, (long)i + 1 + insns[i].off);
		}
		for (size_t i = 0; i < piece_count; i++)
			assert_int_equal(out.insns[place_of(&out, pieces[i].behind) + 1].imm, MARK);
		code_drop(&out);
	}
}

static void records_move_with_their_instructions(void **state)
{
	const struct bpf_insn insns[] = {NOTE(0), NOTE(1), EXIT, NOTE(3), EXIT};
	const struct bpf_func_info functions[] = {{.insn_off = 0, .type_id = 5},
						  {.insn_off = 3, .type_id = 6}};
	const struct bpf_line_info lines[] = {{.insn_off = 0, .line_off = 7},
					      {.insn_off = 2, .line_off = 8},
					      {.insn_off = 3, .line_off = 9}};
	struct bpf_prog_load_opts opts = {.sz = sizeof(opts),
					  .func_info = functions,
					  .func_info_cnt = 2,
					  .func_info_rec_size = sizeof(*functions),
					  .line_info = lines,
					  .line_info_cnt = 3,
					  .line_info_rec_size = sizeof(*lines)};
	const struct splice_piece pieces[] = {{.behind = 1, .insns = piece, .count = 2}};
	OWNED(code_drop) struct code out = {0};
	const struct bpf_func_info *got;
	const struct bpf_line_info *got_lines;
	struct fault why = {0};

	(void)state;
	assert_int_equal(splice(insns, COUNT(insns), pieces, 1, &opts, &out, &why), 0);
	got = out.functions.data;
	assert_int_equal(got[0].insn_off, 0);
	assert_int_equal(got[1].insn_off, 5);
	assert_int_equal(got[1].type_id, 6);
	got_lines = out.lines.data;
	assert_int_equal(got_lines[1].insn_off, 4);
	assert_int_equal(got_lines[2].insn_off, 5);
	assert_int_equal(got_lines[2].line_off, 9);
	code_drop(&out);
	opts.line_info_cnt = 3;
	opts.line_info_rec_size = 2;
	assert_int_equal(splice(insns, COUNT(insns), pieces, 1, &opts, &out, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(out.insns);
}

static void a_jump_that_would_not_reach_or_leads_out_is_refused(void **state)
{
	OWNED(drop_heap) struct bpf_insn *insns = calloc(INT16_MAX + 10, sizeof(*insns));
	struct splice_piece pieces[] = {{.behind = 5, .insns = piece, .count = 3}};
	OWNED(code_drop) struct code out = {0};
	struct fault why = {0};

	(void)state;
	for (size_t i = 0; i < INT16_MAX + 10; i++)
		insns[i] = (struct bpf_insn)NOTE(0);
	insns[0] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = INT16_MAX - 3};
	assert_int_equal(splice(insns, INT16_MAX + 10, pieces, 1, &plain, &out, &why), 0);
	code_drop(&out);
	insns[0].off = INT16_MAX - 2;
	assert_int_equal(splice(insns, INT16_MAX + 10, pieces, 1, &plain, &out, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	insns[0].off = -2;
	assert_int_equal(splice(insns, INT16_MAX + 10, pieces, 1, &plain, &out, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(out.insns);
}

// ---- what is counted ----

#define NEXT_FD 11
#define LOAD_MAP(fd)                        \
	{.code = BPF_LD | BPF_DW | BPF_IMM, \
	 .dst_reg = BPF_REG_2,              \
	 .src_reg = BPF_PSEUDO_MAP_FD,      \
	 .imm = (fd)},                      \
	{                                   \
		0                           \
	}
#define SLOT(number)                                                                       \
	{                                                                                  \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = (number) \
	}
#define TAIL                                                          \
	{                                                             \
		.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call \
	}

static int counted(const struct bpf_insn *insns, size_t count, struct code *out,
		   struct fall_ways *ways, struct fault *why)
{
	const struct fall fall = {
		.next_map = "next", .fell_fd = 21, .fell_offset = 40, .verdict = -1};

	assert_int_equal(code_take(insns, count, &plain, out, why), 0);
	return fall_count(&fall, NEXT_FD, out, ways, why);
}

static void only_jumps_to_the_next_member_are_counted(void **state)
{
	const struct bpf_insn insns[] = {LOAD_MAP(NEXT_FD),
					 SLOT(0),
					 TAIL, // 3
					 LOAD_MAP(12),
					 SLOT(0),
					 TAIL, // another map
					 LOAD_MAP(NEXT_FD),
					 SLOT(1),
					 TAIL, // another slot
					 SLOT(0),
					 TAIL, // nobody knows
					 EXIT};
	OWNED(code_drop) struct code out = {0};
	struct fall_ways ways;
	struct fault why = {0};

	(void)state;
	assert_int_equal(counted(insns, COUNT(insns), &out, &ways, &why), 0);
	assert_int_equal(ways.counted, 1);
	assert_int_equal(ways.uncounted, 1);
	assert_int_equal(out.count, COUNT(insns) + 7);
	assert_int_equal(out.insns[4].src_reg, BPF_PSEUDO_MAP_VALUE);
	assert_int_equal(out.insns[4].imm, 21);
	assert_int_equal(out.insns[5].imm, 40);
	assert_int_equal(out.insns[9].imm, -1);
	assert_int_equal(out.insns[10].code, BPF_JMP | BPF_EXIT);
	assert_memory_equal(&out.insns[11], &insns[4], 2 * sizeof(*insns));
}

static void behind_a_jump_in_a_function_the_program_goes_on(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
		EXIT,
		LOAD_MAP(NEXT_FD),
		SLOT(0),
		TAIL,
		NOTE(3),
		EXIT};
	OWNED(code_drop) struct code out = {0};
	struct fall_ways ways;
	struct fault why = {0};

	(void)state;
	assert_int_equal(counted(insns, COUNT(insns), &out, &ways, &why), 0);
	assert_int_equal(ways.counted, 1);
	assert_int_equal(out.count, COUNT(insns) + 4);
	assert_int_equal(out.insns[10].imm, 3);
}

static void where_nothing_can_be_told_the_program_stays_as_it_is(void **state)
{
	const struct bpf_insn insns[] = {SLOT(0), TAIL, EXIT};
	OWNED(code_drop) struct code out = {0};
	struct fall_ways ways;
	struct fault why = {0};

	(void)state;
	assert_int_equal(counted(insns, COUNT(insns), &out, &ways, &why), 0);
	assert_int_equal(ways.counted, 0);
	assert_int_equal(ways.uncounted, 1);
	assert_int_equal(out.count, COUNT(insns));
	assert_memory_equal(out.insns, insns, sizeof(insns));
}

static void a_program_that_never_goes_on_is_refused(void **state)
{
	const struct bpf_insn insns[] = {LOAD_MAP(12), SLOT(0), TAIL, EXIT};
	OWNED(code_drop) struct code out = {0};
	struct fall_ways ways;
	struct fault why = {0};

	(void)state;
	assert_int_equal(counted(insns, COUNT(insns), &out, &ways, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

// Too long to be moved: it runs uncounted, and says so.
static void a_program_too_long_to_be_moved_is_told_to_be_uncounted(void **state)
{
	const struct bpf_insn front[] = {LOAD_MAP(NEXT_FD), SLOT(0), TAIL};
	OWNED(drop_heap) struct bpf_insn *insns = calloc(INT16_MAX + 10, sizeof(*insns));
	OWNED(code_drop) struct code out = {0};
	struct fall_ways ways;
	struct fault why = {0};

	(void)state;
	for (size_t i = 0; i < INT16_MAX + 10; i++)
		insns[i] = (struct bpf_insn)NOTE(0);
	insns[0] = (struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .off = INT16_MAX};
	memcpy(insns + 1, front, sizeof(front));
	insns[INT16_MAX + 9] = (struct bpf_insn)EXIT;
	assert_int_equal(counted(insns, INT16_MAX + 10, &out, &ways, &why), 0);
	assert_int_equal(ways.counted, 0);
	assert_int_equal(ways.uncounted, 1);
	assert_int_equal(out.count, INT16_MAX + 10);
	assert_memory_equal(out.insns, insns, (INT16_MAX + 10) * sizeof(*insns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_of_jumping_lands_where_it_did),
		cmocka_unit_test(data_is_left_alone),
		cmocka_unit_test(any_program_keeps_all_its_ways),
		cmocka_unit_test(records_move_with_their_instructions),
		cmocka_unit_test(a_jump_that_would_not_reach_or_leads_out_is_refused),
		cmocka_unit_test(only_jumps_to_the_next_member_are_counted),
		cmocka_unit_test(behind_a_jump_in_a_function_the_program_goes_on),
		cmocka_unit_test(where_nothing_can_be_told_the_program_stays_as_it_is),
		cmocka_unit_test(a_program_that_never_goes_on_is_refused),
		cmocka_unit_test(a_program_too_long_to_be_moved_is_told_to_be_uncounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
