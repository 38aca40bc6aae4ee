// SPDX-License-Identifier: Apache-2.0
// Whether programs fit together in one chain, told from what was found in their objects, before anything is touched.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "loader/member.h"

// Goes on by itself, through a map of its own object.
bool fit_jumps(const struct member *member);
// Built for packets in several buffers, SEC("xdp.frags").
bool fit_has_frags(const struct member *member);

// FAULT_CONFIG, naming the members: one that may only stand last does not; some take packets in several buffers and
// others do not, or they are built for other places of the kernel; together they can make more jumps than the kernel
// follows (A90), with the sum.
int fit_check(const struct member *members, size_t count, struct fault *why) MUST_CHECK;
