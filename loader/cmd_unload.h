// SPDX-License-Identifier: Apache-2.0
// `unload`: takes chains out of the kernel.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_unload(struct cli *cli, struct fault *why) MUST_CHECK;
