// SPDX-License-Identifier: Apache-2.0
// `plan` and `apply`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "loader/session.h"

int run_plan(struct cli *cli, struct fault *why) MUST_CHECK;
int run_apply(struct cli *cli, struct fault *why) MUST_CHECK;
// Carries out a plan, removes leftovers and prints the result: the last step of every command that changes chains.
// `restored`: built from our own copies, because nothing can be admitted. `event`: the name in the audit log; NULL: "apply".
int apply_and_report(const struct cli *cli, const struct session *session, struct plan *plan,
		     bool restored, const char *event, struct fault *why) MUST_CHECK;
