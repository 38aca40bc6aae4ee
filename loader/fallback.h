// SPDX-License-Identifier: Apache-2.0
// The plan for a node whose store admits nothing new (an outage, stale metadata): made from our own copies alone.
#pragma once

#include "loader/plan.h"
#include "loader/restore.h"

// After decide_all has refused, decides each chain anew:
// - denied programs that run are removed, or replaced by a stand-in;
// - a recorded chain that is damaged or gone is restored without its denied programs, if its repositories still sign
//   every member (admit_recorded) and nothing but the store kept it from being admitted;
// - everything else is kept; `lost` says why a chain that is gone is not restored.
void fallback_plan(struct plan *plan, const struct plan_places *places,
		   const struct restore_copies *copies);
