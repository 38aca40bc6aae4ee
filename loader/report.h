// SPDX-License-Identifier: Apache-2.0
// The output of `plan` and `apply`: tables and lines for people, documents for programs. Everything is borrowed; a refusal
// means that memory or stdout failed.
#pragma once

#include <stdbool.h>

#include "base/cli.h"
#include "base/fault.h"
#include "loader/apply.h"
#include "loader/findingreport.h"
#include "loader/plan.h"

// What would be done: "bpfseal.plan/1" with --json.
int report_plan(const struct cli *cli, const struct plan *plan, struct fault *why) MUST_CHECK;
// What was done: "bpfseal.apply/1" with --json. `restored`: the chains were built from our own copies, because the metadata
// is stale.
int report_apply(const struct cli *cli, const struct apply *apply, bool restored, struct fault *why)
	MUST_CHECK;
// Says that a plan has nothing to do, and why; prints nothing where it has.
void report_idle(const struct cli *cli, const struct plan *plan);

// Lines on stderr, which accompany a plan or a refusal:
// the program of somebody else that holds a hook where one of our chains belongs, where it may be named;
void report_squatters(const struct cli *cli, const struct plan *plan, const struct report_who *who);
// an alarm for each member that is on a deny list;
void report_denied(const struct cli *cli, const struct plan *plan);
// a note for each chain that stays as it was rolled back, an alarm for each that can no longer stay so.
void report_held(const struct cli *cli, const struct plan *plan);
