// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "bpf/helper.h"
#include "bpf/policy.h"
#include "loader/gate.h"

#define CALL(source, number)                                                          \
	{                                                                             \
		.code = BPF_JMP | BPF_CALL, .src_reg = (source), .imm = (int)(number) \
	}
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}
#define LOAD(source)                                                   \
	{                                                              \
		.code = BPF_LD | BPF_DW | BPF_IMM, .src_reg = (source) \
	}

static struct policy base_only(void)
{
	struct policy policy = {
		.xdp = true, .tc = true, .map_bytes_max = 1 << 20, .insns_max = 1000};

	policy.groups[HELPERS_BASE] = true;
	return policy;
}

static int gate(const struct bpf_insn *insns, size_t count, struct fault *why)
{
	struct policy policy = base_only();

	return gate_check(&policy, HOOK_XDP, insns, count, why);
}

static void a_base_helper_passes(void **state)
{
	const struct bpf_insn insns[] = {CALL(0, BPF_FUNC_map_lookup_elem),
					 CALL(0, BPF_FUNC_tail_call), EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 3, &why), 0);
}

// A82: every helper that reaches out of the packet path, in any subprogram.
static void helpers_that_are_never_granted_are_refused_by_place(void **state)
{
	static const int never[] = {BPF_FUNC_probe_write_user, BPF_FUNC_override_return,
				    BPF_FUNC_send_signal, BPF_FUNC_sys_bpf,
				    BPF_FUNC_probe_read_kernel};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		const struct bpf_insn insns[] = {CALL(BPF_PSEUDO_CALL, 1), EXIT, CALL(0, never[i]),
						 EXIT};
		struct fault why = {0};

		assert_int_equal(gate(insns, 4, &why), -1);
		assert_int_equal(why.code, FAULT_POLICY);
		assert_string_equal(why.where, "instruction 2");
	}
}

// The finished instructions are asked by the number alone: whatever a policy grants, only what is in a group passes, and
// what only probes may call passes in probes only.
static void of_all_helpers_only_those_that_can_be_granted_pass(void **state)
{
	static const enum hook hooks[] = {HOOK_XDP, HOOK_TC_INGRESS, HOOK_TC_EGRESS, HOOK_PROBE};
	struct policy policy = base_only();

	(void)state;
	memset(policy.groups, true, sizeof(policy.groups));
	memset(policy.helpers, true, sizeof(policy.helpers));
	for (uint32_t id = 0; id < 4 * 2000; id++) {
		const struct bpf_insn insns[] = {CALL(0, id / 4), EXIT};
		enum hook hook = hooks[id % 4];
		int group = helper_group(id / 4);
		struct fault why = {0};
		bool passes = gate_check(&policy, hook, insns, 2, &why) == 0;

		if (passes != (group >= 0 && (hook == HOOK_PROBE || group != HELPERS_TRACING)))
			fail_msg("helper %u on %s: %s", id / 4, hook_name(hook), why.text);
		assert_int_equal(why.code, passes ? FAULT_NONE : FAULT_POLICY);
	}
}

// One by one, and by name, what A82 is about: in the first function, in another, and behind an exit.
static void each_dangerous_helper_is_refused_wherever_it_is_called(void **state)
{
	static const uint32_t never[] = {
		BPF_FUNC_probe_write_user,
		BPF_FUNC_override_return,
		BPF_FUNC_send_signal,
		BPF_FUNC_send_signal_thread,
		BPF_FUNC_sys_bpf,
		BPF_FUNC_sys_close,
		BPF_FUNC_probe_read,
		BPF_FUNC_probe_read_str,
		BPF_FUNC_probe_read_user,
		BPF_FUNC_probe_read_user_str,
		BPF_FUNC_copy_from_user,
		BPF_FUNC_copy_from_user_task,
		BPF_FUNC_trace_printk,
		BPF_FUNC_trace_vprintk,
		BPF_FUNC_kallsyms_lookup_name,
		BPF_FUNC_d_path,
		BPF_FUNC_seq_printf,
	};
	struct policy policy = base_only();

	(void)state;
	memset(policy.groups, true, sizeof(policy.groups));
	memset(policy.helpers, true, sizeof(policy.helpers));
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		const struct bpf_insn first[] = {CALL(0, never[i]), EXIT};
		const struct bpf_insn other[] = {CALL(BPF_PSEUDO_CALL, 1), EXIT, CALL(0, never[i]),
						 EXIT};
		const struct bpf_insn dead[] = {EXIT, CALL(0, never[i]), EXIT};
		struct fault why = {0};

		assert_int_equal(gate_check(&policy, HOOK_XDP, first, 2, &why), -1);
		assert_int_equal(why.code, FAULT_POLICY);
		assert_non_null(strstr(why.text, helper_name(never[i])));
		assert_int_equal(gate_check(&policy, HOOK_XDP, other, 4, &why), -1);
		assert_int_equal(gate_check(&policy, HOOK_XDP, dead, 3, &why), -1);
		assert_int_equal(gate_check(&policy, HOOK_PROBE, other, 4, &why), -1);
		assert_int_equal(why.code, FAULT_POLICY);
	}
}

// By its number in this kernel, and with its name in the policy.
static void a_kernel_function_that_does_the_same_is_refused_though_named(void **state)
{
	static const char *const never[] = {"bpf_send_signal_task", "bpf_copy_from_user_str",
					    "bpf_probe_read_kernel_dynptr"};
	struct btf *kernel = btf__load_vmlinux_btf();
	struct policy policy = base_only();

	(void)state;
	if (!kernel)
		skip();
	policy.kfunc_count = 1;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		int id = btf__find_by_name_kind(kernel, never[i], BTF_KIND_FUNC);
		const struct bpf_insn insns[] = {CALL(BPF_PSEUDO_KFUNC_CALL, id), EXIT};
		struct fault why = {0};

		if (id < 0) // not in this kernel
			continue;
		strcpy(policy.kfuncs[0], never[i]);
		assert_int_equal(gate_check(&policy, HOOK_XDP, insns, 2, &why), -1);
		assert_int_equal(why.code, FAULT_POLICY);
		assert_non_null(strstr(why.text, "never allowed"));
	}
	btf__free(kernel);
}

static void an_unknown_helper_is_refused(void **state)
{
	const struct bpf_insn insns[] = {CALL(0, 4711), EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 2, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void a_relocation_that_found_nothing_is_the_verifiers_business(void **state)
{
	const struct bpf_insn insns[] = {CALL(0, 0xbad2310), EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 2, &why), 0);
}

static void a_kernel_function_is_refused_unless_it_is_named(void **state)
{
	const struct bpf_insn number[] = {CALL(BPF_PSEUDO_KFUNC_CALL, 1), EXIT};
	struct bpf_insn module = CALL(BPF_PSEUDO_KFUNC_CALL, 1);
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(number, 2, &why), -1);
	assert_true(why.code == FAULT_POLICY || why.code == FAULT_KERNEL);
	module.off = 1;
	assert_int_equal(gate(&module, 1, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void a_computed_call_is_refused(void **state)
{
	const struct bpf_insn insns[] = {{.code = BPF_JMP | BPF_CALL | BPF_X, .imm = 1}, EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 2, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void an_address_of_a_kernel_variable_is_refused(void **state)
{
	const struct bpf_insn map[] = {LOAD(BPF_PSEUDO_MAP_FD), {.code = 0}, EXIT};
	const struct bpf_insn variable[] = {LOAD(BPF_PSEUDO_BTF_ID), {.code = 0}, EXIT};
	const struct bpf_insn unknown[] = {LOAD(9), {.code = 0}, EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(map, 3, &why), 0);
	assert_int_equal(gate(variable, 3, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(gate(unknown, 3, &why), -1);
}

// The second half of a 64-bit load is data: it may look like anything.
static void data_is_not_taken_for_a_call(void **state)
{
	const struct bpf_insn insns[] = {LOAD(0), CALL(0, 4711), EXIT};
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 3, &why), 0);
}

static void a_program_longer_than_the_policy_allows_is_refused(void **state)
{
	static struct bpf_insn insns[1001];
	struct fault why = {0};

	(void)state;
	assert_int_equal(gate(insns, 1001, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_helper_passes),
		cmocka_unit_test(helpers_that_are_never_granted_are_refused_by_place),
		cmocka_unit_test(of_all_helpers_only_those_that_can_be_granted_pass),
		cmocka_unit_test(each_dangerous_helper_is_refused_wherever_it_is_called),
		cmocka_unit_test(a_kernel_function_that_does_the_same_is_refused_though_named),
		cmocka_unit_test(an_unknown_helper_is_refused),
		cmocka_unit_test(a_relocation_that_found_nothing_is_the_verifiers_business),
		cmocka_unit_test(a_kernel_function_is_refused_unless_it_is_named),
		cmocka_unit_test(a_computed_call_is_refused),
		cmocka_unit_test(an_address_of_a_kernel_variable_is_refused),
		cmocka_unit_test(data_is_not_taken_for_a_call),
		cmocka_unit_test(a_program_longer_than_the_policy_allows_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
