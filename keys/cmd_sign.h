// SPDX-License-Identifier: Apache-2.0
// The command `sign` (also `root sign`).
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_sign(struct cli *cli, struct fault *why) MUST_CHECK;
