// SPDX-License-Identifier: Apache-2.0
// Puts a whole program one call deeper, which makes all tail calls behind it cheap. docs/chain.md has the measurements.
#pragma once

#include "base/fault.h"
#include "loader/code.h"

// Up to so many tail calls a packet's way is faster as it is: the call and its return cost 8 ns, once. (With 10, a chain
// in four was already twice as slow, by where its images happened to lie; with 9, one in thirty.)
#define LIFT_JUMPS 9

// The entry becomes a call of what was the entry. Does nothing to a program without function records: the kernel takes
// no tail call in a function that has none. Sets code->lifted.
int lift_program(struct code *code, struct fault *why) MUST_CHECK;
