// SPDX-License-Identifier: Apache-2.0
// Makes the entry function of a program a subprogram that a new, two-instruction entry calls. On kernels that count tail
// calls in the stack frame this makes all tail calls behind it cheap; docs/chain.md has the measurements and the reason.
#pragma once

#include "base/fault.h"
#include "loader/code.h"

// Up to so many tail calls a chain is faster without: the call and its return cost 8 ns, once. Beyond, it depends on
// where the JIT places the programs: of chains with 10, one in four was already twice as slow; with 9, one in thirty.
#define LIFT_JUMPS 9

// Sets code->lifted. Does nothing to a program without BTF function records: the kernel refuses tail calls in a
// subprogram that has none.
int lift_program(struct code *code, struct fault *why) MUST_CHECK;
