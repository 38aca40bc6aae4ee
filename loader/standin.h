// SPDX-License-Identifier: Apache-2.0
// The member that replaces a denied one where on_denied is "drop": a program of ours that drops every packet.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/hook.h"
#include "loader/member.h"

#define STANDIN_NAME "bpfseal/drop"

// `out` is the caller's (member_drop). Its `from` is "", since it comes from no repository.
int standin_member(enum hook hook, size_t place, struct member *out, struct fault *why) MUST_CHECK;
// Whether a recorded member is a stand-in. A repository's name is never empty, so no publisher can forge one.
bool standin_is(const struct json *recorded);
