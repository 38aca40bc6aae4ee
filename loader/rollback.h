// SPDX-License-Identifier: Apache-2.0
// Back to what ran before the last change: planned like node.json's chains, from our own copies, admitted by today's metadata
// and policy.
#pragma once

#include "base/fault.h"
#include "loader/admit.h"
#include "loader/plan.h"

// Turns a plan that has only been looked at into one that goes back: what the last change replaced, on this interface or
// (NULL) on the whole node; every other chain is kept. Each is to be held there (plan_chain.hold), unless it is what
// node.json asks for. All or nothing: FAULT_UNTRUSTED when one program of them was taken back, lost its pin or is
// named no more, FAULT_POLICY when it may not run here any more; what is denied is left out as in a restore. Where the
// store's metadata is stale the last that could be verified decides; `refused` of the chain then says what it lacks.
int rollback_plan(struct plan *plan, const struct plan_places *places,
		  const struct plan_copies *copies, const char *iface, int64_t now,
		  struct fault *why) MUST_CHECK;
