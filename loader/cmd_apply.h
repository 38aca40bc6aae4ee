// SPDX-License-Identifier: Apache-2.0
// `plan` and `apply`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "loader/desk.h"

int run_plan(struct cli *cli, struct fault *why) MUST_CHECK;
int run_apply(struct cli *cli, struct fault *why) MUST_CHECK;
// Does what a plan says, sweeps, and reports: the end of every command that changes chains. `restored`: from our own copies,
// as nothing can be admitted. `event` stands in the audit log; NULL: "apply".
int apply_and_report(const struct cli *cli, const struct desk *desk, struct plan *plan,
		     bool restored, const char *event, struct fault *why) MUST_CHECK;
