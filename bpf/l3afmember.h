// SPDX-License-Identifier: Apache-2.0
// One program of a payload of l3afd as a member of a chain in node.json, and what is lost on the way.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/hook.h"
#include "bpf/l3af.h"
#include "bpf/payload.h"

struct l3afmember {
	struct payload *payload;
	const struct l3af_order *order;
	bool bookkeeping_told; // said once for all programs
};

// Adds the use to the chain, and notes to the payload's.
int l3afmember_add(struct l3afmember *at, const struct payload_item *program, enum hook hook,
		   struct json *chain) MUST_CHECK;
