// SPDX-License-Identifier: Apache-2.0
// Turns the entry function of a program into a subprogram that a new entry of two instructions calls. On kernels that keep the
// tail call counter in the stack frame, all tail calls behind it get cheaper; docs/chain.md has the reason and measurements.
#pragma once

#include "base/fault.h"
#include "loader/code.h"

// A chain with at most so many tail calls is faster without: call and return cost 8 ns, once. With more, it depends on where
// the JIT places the programs: of chains with 10 one in four took twice the time unlifted, of chains with 9 one in thirty.
#define LIFT_JUMPS 9

// Sets code->lifted. Leaves a program without BTF function records as it is: the kernel refuses tail calls in a subprogram
// that has none.
int lift_program(struct code *code, struct fault *why) MUST_CHECK;
