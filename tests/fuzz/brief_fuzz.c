// SPDX-License-Identifier: Apache-2.0
// bpf/brief: what the loader reads from a pipe before it loads anything: what was read is written as the same bytes.
#include "bpf/brief.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(bytes_drop) struct bytes again = {0};
	struct fault why = {0};
	struct bundle bundle = {.members = brief.members};

	if (brief_read(data, len, &brief, &why)) {
		fuzz_refused(&why);
		return 0;
	}
	HOLDS(brief.member_count <= BUNDLE_MEMBERS_MAX && brief.traffic.count <= TRAFFIC_MAX);
	bundle.member_count = brief.member_count;
	MUST(brief_write(&bundle, brief.policy_name, &brief.policy, &brief.traffic, &again, &must));
	// A policy without a name is none, and not kept.
	if (brief.policy_name)
		HOLDS(again.len == len && !memcmp(again.data, data, len));
	return 0;
}
