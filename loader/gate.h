// SPDX-License-Identifier: Apache-2.0
// The final policy check, on the relocated instructions of one program with all its subprograms, just before the kernel gets
// them. (The inspector, bpf/inspect.h, sees the file, where calls of subprograms and kernel functions are not resolved yet.)
#pragma once

#include <stddef.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "bpf/policy.h"

// FAULT_POLICY naming the violated rule and the instruction.
int gate_check(const struct policy *policy, enum hook hook, const struct bpf_insn *insns,
	       size_t count, struct fault *why) MUST_CHECK;
