// SPDX-License-Identifier: Apache-2.0
// The member that takes the place of a denied one where the admin said "drop": a program of ours that drops everything.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/hook.h"
#include "loader/member.h"

#define STANDIN_NAME "bpfseal/drop"

// `*out` is to be dropped like any member. No repository vouches for it: its `from` is empty.
int standin_member(enum hook hook, size_t place, struct member *out, struct fault *why) MUST_CHECK;
// Whether a recorded member is one. No repository's name is empty, so no publisher can make one.
bool standin_is(const struct json *recorded);
