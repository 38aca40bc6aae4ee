// SPDX-License-Identifier: Apache-2.0
// What goes along with interfaces: their pins and records when they get another name; when they come or go under a pattern,
// what the records of others say.
#pragma once

#include "base/fault.h"
#include "loader/plan.h"

// Moves the pins of each chain whose interface was renamed under its new name; what stands there and belongs to no
// interface of that name makes room. Nothing that runs is touched. A crash in between leaves what the next run moves on.
int follow_pins(const struct plan *plan, const char *tree, struct fault *why) MUST_CHECK;

// Before a plan is carried out: in the record, and in what a rollback goes back to, chains get their interface's new name;
// those of interfaces that are gone for good are forgotten; one that has just come under a pattern is taken to have been
// there as long as the others. None of that is a change that anybody made, or could want to go back behind.
int follow_records(const struct plan *plan, int dirfd, struct fault *why) MUST_CHECK;
