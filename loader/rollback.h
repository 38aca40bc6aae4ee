// SPDX-License-Identifier: Apache-2.0
// Plans a return to what ran before the last change, from our own copies, admitted under today's metadata and policy.
#pragma once

#include "base/fault.h"
#include "loader/admit.h"
#include "loader/plan.h"
#include "loader/restore.h"

// Turns a plan that scan_all made into one that restores what the last change replaced, on this interface or (NULL)
// on the whole node; every other chain is kept. Each restored chain is held (plan_chain.hold), unless it is what
// node.json asks for. All or nothing: FAULT_UNTRUSTED if one of the programs was withdrawn, is no longer signed, or
// its repository's root is no longer pinned; FAULT_POLICY if one may not run here any more. Denied programs are left
// out as in restore.h. Where the store's metadata is stale, the metadata verified last decides; the chain's `refused`
// then says why. `now`: Unix time, s.
int rollback_plan(struct plan *plan, const struct plan_places *places,
		  const struct restore_copies *copies, const char *iface, int64_t now,
		  struct fault *why) MUST_CHECK;
