// SPDX-License-Identifier: Apache-2.0
// The final gate: the finished instructions of one program, every subprogram included, just before the kernel gets them.
// The inspector (bpf/inspect.h) looked at the file, where calls of subprograms and of kernel functions are not resolved yet.
#pragma once

#include <stddef.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "bpf/policy.h"

// FAULT_POLICY naming the rule and the instruction that broke it.
int gate_check(const struct policy *policy, enum hook hook, const struct bpf_insn *insns,
	       size_t count, struct fault *why) MUST_CHECK;
