// SPDX-License-Identifier: Apache-2.0
// Keeps pins and records in step with interfaces that are renamed, appear under a pattern of node.json, or vanish.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// Moves the pins of each chain whose interface was renamed to a directory of the new name; pins there that belong to a vanished
// interface are removed. What runs is not affected. A crash in between is completed by the next run.
int follow_pins(const struct plan *plan, const char *tree, struct fault *why) MUST_CHECK;

// Before a plan is carried out, in both the active and the previous record: chains of renamed interfaces get the new name,
// those of interfaces that are gone for good are dropped, and an interface that has just appeared under a pattern gets the
// history of the others. None of these is a change by the admin, so a rollback must not undo them.
int follow_records(const struct plan *plan, int dirfd, struct fault *why) MUST_CHECK;
