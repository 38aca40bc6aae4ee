// SPDX-License-Identifier: Apache-2.0
// Whether programs can form one chain, as far as the inspection of their objects tells. Nothing is loaded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "loader/member.h"

// Makes the tail call to the next member itself, through a map of its object.
bool fit_jumps(const struct member *member);
// Built for multi-buffer packets, SEC("xdp.frags").
bool fit_has_frags(const struct member *member);

// FAULT_CONFIG naming the members when a terminal program is not the last; when programs with and without multi-buffer
// support, or for different attach types, are mixed (the kernel refuses that in one PROG_ARRAY); when together they can make
// more tail calls than the kernel allows (A90), with the sum.
int fit_check(const struct member *members, size_t count, struct fault *why) MUST_CHECK;
