// SPDX-License-Identifier: Apache-2.0
// Pins that go along with an interface that has got another name.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// Moves the pins of each chain whose interface was renamed under its new name; what stands there and belongs to no
// interface of that name makes room. Nothing that runs is touched. A crash in between leaves what the next run moves on.
int follow_pins(const struct plan *plan, const char *tree, struct fault *why) MUST_CHECK;
