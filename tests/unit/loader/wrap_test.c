// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
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
	return (struct wrap){.continue_on = verdicts,
			     .continue_count = count,
			     .next_fd = 11,
			     .fell_fd = 12,
			     .fell_offset = 24,
			     .fell_verdict = 1};
}

static void the_call_lands_on_the_first_user_instruction(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 8; count++) {
		const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
		OWNED(wrapped_drop) struct wrapped wrapped = {0};
		struct wrap wrap = some_wrap(count);
		struct fault why = {0};
		size_t prefix;

		assert_int_equal(wrap_program(&wrap, user, COUNT(user), &opts, &wrapped, &why), 0);
		prefix = wrapped.insn_count - COUNT(user);
		assert_memory_equal(wrapped.insns + prefix, user, sizeof(user));
		assert_int_equal(wrapped.insns[1].src_reg, BPF_PSEUDO_CALL);
		assert_int_equal(1 + 1 + wrapped.insns[1].imm, prefix);
	}
}

static void every_continuing_verdict_jumps_behind_the_exit(void **state)
{
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
	OWNED(wrapped_drop) struct wrapped wrapped = {0};
	struct wrap wrap = some_wrap(3);
	struct fault why = {0};

	(void)state;
	assert_int_equal(wrap_program(&wrap, user, COUNT(user), &opts, &wrapped, &why), 0);
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
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
	OWNED(wrapped_drop) struct wrapped wrapped = {0};
	struct wrap wrap = some_wrap(1);
	const struct bpf_insn *at;
	struct fault why = {0};

	(void)state;
	assert_int_equal(wrap_program(&wrap, user, COUNT(user), &opts, &wrapped, &why), 0);
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
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
	OWNED(wrapped_drop) struct wrapped wrapped = {0};
	struct wrap wrap = some_wrap(3);
	const struct bpf_insn *at;
	struct fault why = {0};

	(void)state;
	wrap.next_fd = -1;
	wrap.end_verdict = -1;
	assert_int_equal(wrap_program(&wrap, user, COUNT(user), &opts, &wrapped, &why), 0);
	assert_int_equal(wrapped.insn_count, 2 + 3 + 1 + 2 + COUNT(user));
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

static void records_move_and_one_is_added_at_the_start(void **state)
{
	const struct bpf_func_info functions[] = {{.insn_off = 0, .type_id = 5},
						  {.insn_off = 9, .type_id = 6}};
	const struct bpf_line_info lines[] = {{.insn_off = 0, .line_off = 7},
					      {.insn_off = 1, .line_off = 8}};
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts),
						.func_info = functions,
						.func_info_cnt = 2,
						.func_info_rec_size = sizeof(*functions),
						.line_info = lines,
						.line_info_cnt = 2,
						.line_info_rec_size = sizeof(*lines)};
	OWNED(wrapped_drop) struct wrapped wrapped = {0};
	struct wrap wrap = some_wrap(1);
	const struct bpf_func_info *got;
	const struct bpf_line_info *got_lines;
	struct fault why = {0};
	uint32_t prefix;

	(void)state;
	assert_int_equal(wrap_program(&wrap, user, COUNT(user), &opts, &wrapped, &why), 0);
	prefix = (uint32_t)(wrapped.insn_count - COUNT(user));
	got = wrapped.func_info;
	assert_int_equal(wrapped.func_info_count, 3);
	assert_int_equal(got[0].insn_off, 0);
	assert_int_equal(got[0].type_id, 5);
	assert_int_equal(got[1].insn_off, prefix);
	assert_int_equal(got[2].insn_off, prefix + 9);
	got_lines = wrapped.line_info;
	assert_int_equal(wrapped.line_info_count, 3);
	assert_int_equal(got_lines[0].insn_off, 0);
	assert_int_equal(got_lines[2].insn_off, prefix + 1);
	assert_int_equal(got_lines[2].line_off, 8);
}

static void no_verdict_or_too_many_are_refused(void **state)
{
	const struct bpf_prog_load_opts opts = {.sz = sizeof(opts)};
	OWNED(wrapped_drop) struct wrapped wrapped = {0};
	struct wrap none = some_wrap(0), many = some_wrap(9);
	struct fault why = {0};

	(void)state;
	assert_int_equal(wrap_program(&none, user, COUNT(user), &opts, &wrapped, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(wrap_program(&many, user, COUNT(user), &opts, &wrapped, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(wrapped.insns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_call_lands_on_the_first_user_instruction),
		cmocka_unit_test(every_continuing_verdict_jumps_behind_the_exit),
		cmocka_unit_test(the_slot_is_a_constant_and_the_counter_is_this_members),
		cmocka_unit_test(where_the_chain_ends_what_goes_on_gets_the_verdict_of_the_end),
		cmocka_unit_test(records_move_and_one_is_added_at_the_start),
		cmocka_unit_test(no_verdict_or_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
