// SPDX-License-Identifier: Apache-2.0
// From which pinned maps a member goes on: those that the same program had before, at another place of its chain, in
// another version, or on an interface that it is moved away from.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "loader/plan.h"

// Fills maps_from and recorded of every member of the plan; both are found anew. `followed`: the pins stand under the names
// that their interfaces have now (loader/follow.h).
int inherit_maps(struct plan *plan, const char *tree, bool followed, struct fault *why) MUST_CHECK;
