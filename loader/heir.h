// SPDX-License-Identifier: Apache-2.0
// Whose maps a member takes over: those of the same program where it stood before, on another place of its chain, in another
// version, or on an interface that it leaves for this one.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// Fills maps_from and recorded of every member of the plan.
int heirs_find(struct plan *plan, const char *tree, struct fault *why) MUST_CHECK;
