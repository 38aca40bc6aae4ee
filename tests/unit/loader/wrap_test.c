// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/lift.h"
#include "loader/wrap.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

// r0 = 2; exit
static const struct bpf_insn user[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
	{.code = BPF_JMP | BPF_EXIT},
};
static const int32_t verdicts[] = {0, 3, -1, 2, 1, 4, 5, 6, 7};

static struct wrap some_wrap(size_t count)
{
	return (struct wrap){.by_call = true,
			     .continue_on = verdicts,
			     .continue_count = count,
			     .next_fd = 11,
			     .fell_fd = 12,
			     .fell_offset = 24,
			     .fell_verdict = 1};
}

static struct code wrapped_as(const struct wrap *wrap, const struct bpf_insn *insns, size_t count)
{
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
	struct code code = {0};
	struct fault why = {0};

	if (code_take(insns, count, &opts, &code, &why) || wrap_program(wrap, &code, &why))
		fail_msg("%s", why.text);
	return code;
}

static void the_call_lands_on_the_first_user_instruction(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 8; count++) {
		struct wrap wrap = some_wrap(count);
		OWNED(code_drop) struct code wrapped = wrapped_as(&wrap, user, COUNT(user));
		size_t prefix = wrapped.count - COUNT(user);

		assert_false(wrapped.sewn);
		assert_memory_equal(wrapped.insns + prefix, user, sizeof(user));
		assert_int_equal(wrapped.insns[1].src_reg, BPF_PSEUDO_CALL);
		assert_int_equal(1 + 1 + wrapped.insns[1].imm, prefix);
	}
}

static void every_continuing_verdict_jumps_behind_the_exit(void **state)
{
	struct wrap wrap = some_wrap(3);
	OWNED(code_drop) struct code wrapped = wrapped_as(&wrap, user, COUNT(user));

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct bpf_insn *jump = &wrapped.insns[2 + i];

		assert_int_equal(jump->code, BPF_JMP32 | BPF_JEQ | BPF_K);
		assert_int_equal(jump->imm, verdicts[i]);
		// From there on: 2 + i + 1 + off is the instruction after the exit.
		assert_int_equal(2 + i + 1 + (size_t)jump->off, 6);
	}
	assert_int_equal(wrapped.insns[5].code, BPF_JMP | BPF_EXIT);
	assert_int_equal(wrapped.insns[6].src_reg, BPF_REG_6);
}

static void the_slot_is_a_constant_and_the_counter_is_this_members(void **state)
{
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code wrapped = wrapped_as(&wrap, user, COUNT(user));
	const struct bpf_insn *at;

	(void)state;
	at = wrapped.insns + 4; // behind: r6=r1, call, if, exit
	assert_int_equal(at[1].src_reg, BPF_PSEUDO_MAP_FD);
	assert_int_equal(at[1].imm, 11);
	assert_int_equal(at[3].imm, 0);
	assert_int_equal(at[3].code, BPF_ALU64 | BPF_MOV | BPF_K);
	assert_int_equal(at[4].imm, BPF_FUNC_tail_call);
	assert_int_equal(at[5].src_reg, BPF_PSEUDO_MAP_VALUE);
	assert_int_equal(at[5].imm, 12);
	assert_int_equal(at[6].imm, 24);
	assert_int_equal(at[9].imm, 1); // the policy's verdict
	assert_int_equal(at[10].code, BPF_JMP | BPF_EXIT);
}

static void where_the_chain_ends_what_goes_on_gets_the_verdict_of_the_end(void **state)
{
	struct wrap wrap = some_wrap(3);
	OWNED(code_drop) struct code wrapped = {0};
	const struct bpf_insn *at;

	(void)state;
	wrap.next_fd = -1;
	wrap.end_verdict = -1;
	wrapped = wrapped_as(&wrap, user, COUNT(user));
	assert_int_equal(wrapped.count, 2 + 3 + 1 + 2 + COUNT(user));
	at = wrapped.insns + 6; // behind: r6=r1, call, three ifs, exit
	assert_int_equal(at[0].code, BPF_ALU64 | BPF_MOV | BPF_K);
	assert_int_equal(at[0].dst_reg, BPF_REG_0);
	assert_int_equal(at[0].imm, -1);
	assert_int_equal(at[1].code, BPF_JMP | BPF_EXIT);
	assert_memory_equal(at + 2, user, sizeof(user));
	assert_int_equal(1 + 1 + wrapped.insns[1].imm, 8);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(2 + i + 1 + (size_t)wrapped.insns[2 + i].off, 6);
}

// ---- sewn ----

static void each_exit_leads_to_the_verdict_in_the_same_frame(void **state)
{
	// if r0 == 0 exit; r0 = 2; exit; and a function of its own, whose exit stays.
	const struct bpf_insn two[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 4},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 1},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code code = {0};
	const struct bpf_insn *at;
	size_t prefix;

	(void)state;
	wrap.by_call = false;
	code = wrapped_as(&wrap, two, COUNT(two));
	prefix = code.count - COUNT(two);
	at = code.insns;
	assert_true(code.sewn);
	// The context is kept below the program's stack, of which it uses none, and the verdict is jumped over.
	assert_int_equal(at[0].code, BPF_STX | BPF_MEM | BPF_DW);
	assert_int_equal(at[0].off, -8);
	assert_int_equal(at[1].code, BPF_JMP | BPF_JA);
	assert_int_equal(1 + 1 + at[1].off, prefix);
	assert_int_equal(at[2].code, BPF_JMP32 | BPF_JEQ | BPF_K);
	assert_int_equal(at[3].code, BPF_JMP | BPF_EXIT);
	assert_int_equal(at[4].code, BPF_LDX | BPF_MEM | BPF_DW);
	assert_int_equal(at[4].dst_reg, BPF_REG_1);
	assert_int_equal(at[4].off, -8);
	for (size_t i = 2; i <= 4; i += 2) {
		assert_int_equal(at[prefix + i].code, BPF_JMP | BPF_JA);
		assert_int_equal((int)(prefix + i) + 1 + at[prefix + i].off, 2);
	}
	assert_memory_equal(at + prefix, two, 2 * sizeof(*two));
	assert_memory_equal(at + prefix + 5, two + 5, 2 * sizeof(*two));
}

static void the_context_is_kept_below_the_programs_own_stack(void **state)
{
	const struct bpf_insn deep[] = {
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -20},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -44},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code code = {0};

	(void)state;
	wrap.by_call = false;
	code = wrapped_as(&wrap, deep, COUNT(deep));
	assert_int_equal(code.insns[0].off, -56);
	assert_int_equal(code.insns[4].off, -56);
}

// What must not be sewn is called, as if it had been asked for.
static void called(const struct bpf_insn *insns, size_t count)
{
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code code = {0};

	wrap.by_call = false;
	code = wrapped_as(&wrap, insns, count);
	assert_false(code.sewn);
	assert_int_equal(code.insns[1].src_reg, BPF_PSEUDO_CALL);
	assert_memory_equal(code.insns + code.count - count, insns, count * sizeof(*insns));
}

static void a_program_with_tail_calls_of_its_own_is_called(void **state)
{
	const struct bpf_insn jumps[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)state;
	called(jumps, COUNT(jumps));
}

static void a_program_whose_stack_is_full_is_called(void **state)
{
	const struct bpf_insn full[] = {
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -512},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)state;
	called(full, COUNT(full));
}

// The verifier would find such a jump only where the program is a function by itself.
static void a_program_that_jumps_out_of_itself_is_called(void **state)
{
	struct bpf_insn out[] = {
		{.code = BPF_JMP | BPF_JA, .off = -3},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)state;
	called(out, COUNT(out)); // into the wrapper
	out[0].off = 1;
	called(out, COUNT(out)); // behind its end
	out[0] = (struct bpf_insn){.code = BPF_JMP32 | BPF_JEQ | BPF_K, .off = -2};
	called(out, COUNT(out));
	out[0] = (struct bpf_insn){.code = BPF_JMP32 | BPF_JA, .imm = -2};
	called(out, COUNT(out));
	out[0] = (struct bpf_insn){.code = BPF_JMP | 0xe0, .off = -2}; // may_goto
	called(out, COUNT(out));
}

static void a_jump_of_a_kind_that_we_do_not_know_is_left_to_the_verifier(void **state)
{
	const struct bpf_insn unknown[][2] = {
		{{.code = BPF_JMP | BPF_JA | BPF_X}, {.code = BPF_JMP | BPF_EXIT}}, // computed
		{{.code = BPF_JMP | 0xf0}, {.code = BPF_JMP | BPF_EXIT}},
		{{.code = BPF_JMP32 | 0xe0}, {.code = BPF_JMP | BPF_EXIT}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++)
		called(unknown[i], 2);
}

static void a_call_of_what_is_no_other_function_is_left_to_the_verifier(void **state)
{
	struct bpf_insn odd[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)state;
	called(odd, COUNT(odd)); // itself
	odd[0].imm = 1;
	called(odd, COUNT(odd)); // behind the end
}

static void the_second_half_of_a_wide_load_is_no_instruction(void **state)
{
	// Its halves look like a load, and like an exit and a jump out.
	const struct bpf_insn wide[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT, .off = -9},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code code = {0};

	(void)state;
	wrap.by_call = false;
	code = wrapped_as(&wrap, wide, COUNT(wide));
	assert_true(code.sewn);
	assert_memory_equal(code.insns + code.count - 3, wide, 2 * sizeof(*wide));
}

static void a_program_longer_than_a_jump_is_called(void **state)
{
	static struct bpf_insn longest[INT16_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(longest); i++)
		longest[i] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2};
	longest[COUNT(longest) - 1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	called(longest, COUNT(longest));
}

// ---- records ----

static const struct bpf_func_info functions[] = {{.insn_off = 0, .type_id = 5},
						 {.insn_off = 9, .type_id = 6}};
static const struct bpf_line_info lines[] = {{.insn_off = 0, .line_off = 7},
					     {.insn_off = 1, .line_off = 8}};

static struct code with_records(void)
{
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts),
						.func_info = functions,
						.func_info_cnt = 2,
						.func_info_rec_size = sizeof(*functions),
						.line_info = lines,
						.line_info_cnt = 2,
						.line_info_rec_size = sizeof(*lines)};
	struct code code = {0};
	struct fault why = {0};

	if (code_take(user, COUNT(user), &opts, &code, &why))
		fail_msg("%s", why.text);
	return code;
}

static void expect_functions(const struct code *code, const uint32_t *offsets, size_t count)
{
	const struct bpf_func_info *got = code->functions.data;

	assert_int_equal(code->functions.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(got[i].insn_off, offsets[i]);
	assert_int_equal(got[0].type_id, 5);
	assert_int_equal(got[count - 1].type_id, 6);
}

static void expect_lines(const struct code *code, size_t count, uint32_t prefix)
{
	const struct bpf_line_info *got = code->lines.data;

	assert_int_equal(code->lines.count, count);
	assert_int_equal(got[0].insn_off, 0);
	assert_int_equal(got[0].line_off, 7);
	assert_int_equal(got[count - 2].insn_off, prefix);
	assert_int_equal(got[count - 1].insn_off, prefix + 1);
	assert_int_equal(got[count - 1].line_off, 8);
}

static void around_a_called_program_records_move_and_one_is_added_at_the_start(void **state)
{
	OWNED(code_drop) struct code code = with_records();
	struct wrap wrap = some_wrap(1);
	struct fault why = {0};
	uint32_t prefix;

	(void)state;
	assert_int_equal(wrap_program(&wrap, &code, &why), 0);
	prefix = (uint32_t)(code.count - COUNT(user));
	expect_functions(&code, (const uint32_t[]){0, prefix, prefix + 9}, 3);
	expect_lines(&code, 3, prefix);
}

static void a_sewn_program_and_its_wrapper_are_one_function(void **state)
{
	OWNED(code_drop) struct code code = with_records();
	struct wrap wrap = some_wrap(1);
	struct fault why = {0};
	uint32_t prefix;

	(void)state;
	wrap.by_call = false;
	assert_int_equal(wrap_program(&wrap, &code, &why), 0);
	prefix = (uint32_t)(code.count - COUNT(user));
	expect_functions(&code, (const uint32_t[]){0, prefix + 9}, 2);
	expect_lines(&code, 3, prefix);
}

static void a_lifted_program_is_called_by_two_instructions(void **state)
{
	OWNED(code_drop) struct code code = with_records();
	struct wrap wrap = some_wrap(1);
	struct fault why = {0};
	uint32_t prefix;

	(void)state;
	wrap.by_call = false;
	assert_int_equal(wrap_program(&wrap, &code, &why), 0);
	assert_int_equal(lift_program(&code, &why), 0);
	assert_true(code.lifted);
	assert_int_equal(code.insns[0].code, BPF_JMP | BPF_CALL);
	assert_int_equal(code.insns[0].src_reg, BPF_PSEUDO_CALL);
	assert_int_equal(code.insns[0].imm, 1);
	assert_int_equal(code.insns[1].code, BPF_JMP | BPF_EXIT);
	prefix = (uint32_t)(code.count - COUNT(user));
	expect_functions(&code, (const uint32_t[]){0, 2, prefix + 9}, 3);
	expect_lines(&code, 4, prefix);
}

static void a_program_without_function_records_is_not_lifted(void **state)
{
	struct wrap wrap = some_wrap(1);
	OWNED(code_drop) struct code code = wrapped_as(&wrap, user, COUNT(user));
	size_t count = code.count;
	struct fault why = {0};

	(void)state;
	assert_int_equal(lift_program(&code, &why), 0);
	assert_false(code.lifted);
	assert_int_equal(code.count, count);
}

static void records_of_a_size_that_no_kernel_has_are_refused(void **state)
{
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts),
						.func_info = functions,
						.func_info_cnt = 2,
						.func_info_rec_size = 3};
	OWNED(code_drop) struct code code = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(code_take(user, COUNT(user), &opts, &code, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void no_verdict_or_too_many_are_refused(void **state)
{
	OWNED(code_drop) struct code code = with_records();
	struct wrap none = some_wrap(0), many = some_wrap(9);
	struct fault why = {0};

	(void)state;
	assert_int_equal(wrap_program(&none, &code, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(wrap_program(&many, &code, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(code.count, COUNT(user));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_call_lands_on_the_first_user_instruction),
		cmocka_unit_test(every_continuing_verdict_jumps_behind_the_exit),
		cmocka_unit_test(the_slot_is_a_constant_and_the_counter_is_this_members),
		cmocka_unit_test(where_the_chain_ends_what_goes_on_gets_the_verdict_of_the_end),
		cmocka_unit_test(each_exit_leads_to_the_verdict_in_the_same_frame),
		cmocka_unit_test(the_context_is_kept_below_the_programs_own_stack),
		cmocka_unit_test(a_program_with_tail_calls_of_its_own_is_called),
		cmocka_unit_test(a_program_whose_stack_is_full_is_called),
		cmocka_unit_test(a_program_that_jumps_out_of_itself_is_called),
		cmocka_unit_test(a_jump_of_a_kind_that_we_do_not_know_is_left_to_the_verifier),
		cmocka_unit_test(a_call_of_what_is_no_other_function_is_left_to_the_verifier),
		cmocka_unit_test(the_second_half_of_a_wide_load_is_no_instruction),
		cmocka_unit_test(a_program_longer_than_a_jump_is_called),
		cmocka_unit_test(
			around_a_called_program_records_move_and_one_is_added_at_the_start),
		cmocka_unit_test(a_sewn_program_and_its_wrapper_are_one_function),
		cmocka_unit_test(a_lifted_program_is_called_by_two_instructions),
		cmocka_unit_test(a_program_without_function_records_is_not_lifted),
		cmocka_unit_test(records_of_a_size_that_no_kernel_has_are_refused),
		cmocka_unit_test(no_verdict_or_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
