// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/fuse.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

// Never run: the number tells them apart.
static struct bpf_insn one[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
	{.code = BPF_JMP | BPF_EXIT},
};
static struct bpf_insn two[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2},
	{.code = BPF_JMP | BPF_JA, .off = -2},
};
static const int32_t verdicts[] = {2, 0, -1, 3, 1, 4, 5, 6, 7};

static struct code code_of(struct bpf_insn *insns, size_t count)
{
	return (struct code){.insns = insns, .count = count};
}

// Where a program goes from `at`, in the way of the kernel, with this verdict of every part: the exit, or the part.
static size_t follow(const struct code *code, size_t at, int32_t verdict, int32_t parts[],
		     size_t *count)
{
	while (code->insns[at].code != (BPF_JMP | BPF_EXIT)) {
		const struct bpf_insn *insn = &code->insns[at++];

		assert_true(at < code->count);
		if (insn->code == (BPF_JMP | BPF_CALL)) {
			assert_int_equal(insn->src_reg, BPF_PSEUDO_CALL);
			// The context is where a function expects it.
			assert_int_equal(insn[-1].dst_reg, BPF_REG_1);
			assert_int_equal(insn[-1].src_reg, BPF_REG_6);
			parts[(*count)++] = code->insns[at + (size_t)insn->imm].imm;
		} else if (insn->code == (BPF_JMP32 | BPF_JEQ | BPF_K) && insn->imm == verdict) {
			at += (size_t)insn->off;
		}
	}
	return at;
}

static void each_verdict_goes_on_or_leaves(void **state)
{
	const struct code codes[] = {code_of(one, COUNT(one)), code_of(two, COUNT(two)),
				     code_of(one, COUNT(one))};

	(void)state;
	for (size_t n = 1; n <= 8; n++) {
		const struct fuse_part parts[] = {
			{&codes[0], verdicts, n}, {&codes[1], verdicts, n}, {&codes[2], NULL, 0}};
		OWNED(code_drop) struct code made = {0};
		struct fault why = {0};

		assert_int_equal(fuse_parts(parts, COUNT(parts), &made, &why), 0);
		assert_int_equal(made.functions.count + made.lines.count, 0);
		assert_int_equal(made.insns[0].dst_reg, BPF_REG_6);
		for (int32_t verdict = -2; verdict < 10; verdict++) {
			int32_t met[4] = {0};
			size_t count = 0;
			bool goes_on = false;

			for (size_t i = 0; i < n; i++)
				goes_on |= verdicts[i] == verdict;
			follow(&made, 0, verdict, met, &count);
			assert_int_equal(count, goes_on ? 3 : 1);
			assert_int_equal(met[0], 1);
			assert_int_equal(met[1], goes_on ? 2 : 0);
			assert_int_equal(met[2], goes_on ? 1 : 0);
		}
		// The parts themselves stand there as they were, one behind the other, to the end.
		assert_memory_equal(made.insns + made.count - 2, one, sizeof(one));
		assert_memory_equal(made.insns + made.count - 4, two, sizeof(two));
		assert_memory_equal(made.insns + made.count - 6, one, sizeof(one));
	}
}

static void one_part_is_itself(void **state)
{
	const struct code code = code_of(two, COUNT(two));
	const struct fuse_part part = {&code, NULL, 0};
	OWNED(code_drop) struct code made = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(fuse_parts(&part, 1, &made, &why), 0);
	assert_int_equal(made.count, COUNT(two));
	assert_memory_equal(made.insns, two, sizeof(two));
	assert_ptr_not_equal(made.insns, two);
}

static void refused(const struct fuse_part *parts, size_t count, enum fault_code code)
{
	struct code made = {0};
	struct fault why = {0};

	assert_int_equal(fuse_parts(parts, count, &made, &why), -1);
	assert_int_equal(why.code, code);
	assert_null(made.insns);
}

static void what_makes_no_sense_is_refused(void **state)
{
	const struct code code = code_of(one, COUNT(one)), none = {0}, huge = code_of(one, 600000);
	const struct fuse_part mute[] = {{&code, verdicts, 0}, {&code, NULL, 0}};
	const struct fuse_part many[] = {{&code, verdicts, 9}, {&code, NULL, 0}};
	const struct fuse_part empty[] = {{&none, verdicts, 1}, {&code, NULL, 0}};
	const struct fuse_part large[] = {{&huge, verdicts, 1}, {&huge, NULL, 0}};

	(void)state;
	refused(NULL, 0, FAULT_FORMAT);
	refused(mute, 2, FAULT_FORMAT);
	refused(many, 2, FAULT_FORMAT);
	refused(empty, 2, FAULT_FORMAT);
	refused(large, 2, FAULT_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verdict_goes_on_or_leaves),
		cmocka_unit_test(one_part_is_itself),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
