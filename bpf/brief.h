// SPDX-License-Identifier: Apache-2.0
// The message that `bundle check` sends to the loader's `trial` through a pipe: a bundle's members, the policy to apply, packets.
// `bundle` may not load programs, and the loader has no archive parser.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/bundle.h"
#include "bpf/traffic.h"

// Members, a policy file and the packets.
#define BRIEF_MAX (BUNDLE_UNPACKED_MAX + (4u << 20))

struct brief {
	char *policy_name; // of the node.json, for messages; NULL: none, the default policy
	struct bytes policy;
	struct bundle_member members[BUNDLE_MEMBERS_MAX]; // the first is manifest.json
	size_t member_count;
	struct traffic traffic;
};
void brief_drop(struct brief *brief);

// Borrows everything. `policy_name` NULL: no policy.
int brief_write(const struct bundle *bundle, const char *policy_name, const struct bytes *policy,
		const struct traffic *traffic, struct bytes *out, struct fault *why) MUST_CHECK;
// FAULT_FORMAT for a malformed message. The members' digests are computed again.
int brief_read(const void *data, size_t len, struct brief *out, struct fault *why) MUST_CHECK;
