// SPDX-License-Identifier: Apache-2.0
// `status`: the truth, read from the kernel.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_status(struct cli *cli, struct fault *why) MUST_CHECK;
