// SPDX-License-Identifier: Apache-2.0
#include "loader/gate.h"

#include <string.h>

#include <bpf/btf.h>

#include "base/owned.h"
#include "loader/sys.h"

// What libbpf writes where a CO-RE relocation found nothing: a call that the verifier refuses unless it is dead code.
#define POISONED_CALL 0xbad2310

// Pseudo sources of a 64-bit load; the kernel's header of this build may not name them all.
#define LOADS_MAX BPF_PSEUDO_FUNC

// The kernel's functions go by their BTF id in an instruction and by their name in a policy.
static int gate_kfunc(const struct policy *policy, const struct bpf_insn *insn, struct btf **kernel,
		      struct fault *why)
{
	const struct btf_type *type;
	const char *name = NULL;

	if (insn->off != 0) // of a module: its BTF is another one, and no policy can name it
		return fault_set(why, FAULT_POLICY, "it calls a function of a kernel module");
	if (!*kernel)
		*kernel = btf__load_vmlinux_btf();
	if (!*kernel)
		return fault_errno(why, FAULT_KERNEL, "cannot read the kernel's BTF");
	type = btf__type_by_id(*kernel, (__u32)insn->imm);
	if (type && btf_is_func(type))
		name = btf__name_by_offset(*kernel, type->name_off);
	if (!name)
		return fault_set(why, FAULT_POLICY,
				 "it calls kernel function %d, which has no name", insn->imm);
	return policy_check_kfunc(policy, name, why);
}

static int gate_call(const struct policy *policy, enum hook hook, const struct bpf_insn *insn,
		     struct btf **kernel, struct fault *why)
{
	if (insn->code != (BPF_JMP | BPF_CALL))
		return fault_set(why, FAULT_POLICY, "it makes a computed call");
	switch (insn->src_reg) {
	case 0:
		if (insn->imm == POISONED_CALL)
			return 0;
		return policy_check_helper(policy, hook, (uint32_t)insn->imm, why);
	case BPF_PSEUDO_CALL:
		return 0;
	case BPF_PSEUDO_KFUNC_CALL:
		return gate_kfunc(policy, insn, kernel, why);
	default:
		return fault_set(why, FAULT_POLICY, "it makes a call of unknown kind %u",
				 insn->src_reg);
	}
}

// Maps, addresses in maps, and callbacks are what XDP and TC programs load. BPF_PSEUDO_BTF_ID would be a pointer into
// the kernel's own variables.
static int gate_load(const struct bpf_insn *insn, struct fault *why)
{
	if (insn->src_reg > LOADS_MAX || insn->src_reg == BPF_PSEUDO_BTF_ID)
		return fault_set(why, FAULT_POLICY,
				 "it loads an address of kind %u, which is never allowed",
				 insn->src_reg);
	return 0;
}

int gate_check(const struct policy *policy, enum hook hook, const struct bpf_insn *insns,
	       size_t count, struct fault *why)
{
	OWNED(drop_btf) struct btf *kernel = NULL;

	if (count > policy->insns_max)
		return fault_set(why, FAULT_POLICY,
				 "it has %zu instructions, more than the %u allowed", count,
				 policy->insns_max);
	for (size_t i = 0; i < count; i++) {
		const struct bpf_insn *insn = &insns[i];
		int bad = 0;

		if (insn->code == (BPF_LD | BPF_DW | BPF_IMM)) {
			bad = gate_load(insn, why);
			i++; // its second half is data
		} else if ((BPF_CLASS(insn->code) == BPF_JMP ||
			    BPF_CLASS(insn->code) == BPF_JMP32) &&
			   BPF_OP(insn->code) == BPF_CALL) {
			bad = gate_call(policy, hook, insn, &kernel, why);
		}
		if (bad)
			return fault_where(why, "instruction %zu", i);
	}
	return 0;
}
