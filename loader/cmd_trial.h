// SPDX-License-Identifier: Apache-2.0
// The command `trial`: the kernel's half of `bundle check`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_trial(struct cli *cli, struct fault *why) MUST_CHECK;
