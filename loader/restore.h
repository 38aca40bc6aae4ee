// SPDX-License-Identifier: Apache-2.0
// A chain from our own copies: what ran here before, byte for byte, while metadata is too old to admit anything new
// (a reboot during an outage).
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/member.h"

// Makes the members of a recorded chain again. Every byte is held against the digest in the record, every object
// against today's policy, and every member against today's node.json: only what the admin still asks for comes back.
// `*out` holds `*count`; free with members_free.
int restore_members(int objects_dirfd, const struct json *chain, const struct node *node,
		    const struct node_interface *interface, enum hook hook, struct member **out,
		    size_t *count, struct fault *why) MUST_CHECK;
