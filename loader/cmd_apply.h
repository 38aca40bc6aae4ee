// SPDX-License-Identifier: Apache-2.0
// `plan` and `apply`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_plan(struct cli *cli, struct fault *why) MUST_CHECK;
int run_apply(struct cli *cli, struct fault *why) MUST_CHECK;
