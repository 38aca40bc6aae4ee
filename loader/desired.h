// SPDX-License-Identifier: Apache-2.0
// The desired state of one chain: the programs that node.json asks for, verified and admitted.
#pragma once

#include "base/fault.h"
#include "bpf/policy.h"
#include "loader/admit.h"
#include "loader/plan.h"

// Whether the policy allows the named programs on this interface at all. Needs node.json only: asked before anything
// is read from the store. FAULT_POLICY with the place in node.json.
int desired_check_places(const struct plan_chain *chain, const struct policy *policy,
			 struct fault *why) MUST_CHECK;

// Fills in `members`, `count` and `denied`. Denied programs get a line in `denied`; on_denied of the interface
// decides what stands in their place. One that was denied before it was asked for is refused (FAULT_POLICY). After a
// refusal the rest is admitted nevertheless, so that its metadata is kept; the first refusal in the order of
// node.json is reported, and the caller resets the chain (plan_reset).
int desired_admit(struct plan_chain *chain, struct admit *admit, struct fault *why) MUST_CHECK;
