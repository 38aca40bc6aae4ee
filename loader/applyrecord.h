// SPDX-License-Identifier: Apache-2.0
// The record of what runs (record.h), composed from a plan and from what was done of it.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/apply.h"
#include "loader/plan.h"

// Writes into a chain's record what is said of it besides its members: its denied programs and its hold.
int applyrecord_put_notes(struct json *record, const struct plan_chain *plan, struct fault *why)
	MUST_CHECK;
// Composes the whole record, in the order of the plan. `ahead`: as it will be when every chain is entered; otherwise of
// the chains that are. `*out` is the caller's. The other arguments are borrowed.
int applyrecord_compose(const struct apply_places *places, const struct plan *plan,
			const struct apply *done, bool ahead, struct json **out, struct fault *why)
	MUST_CHECK;
