// SPDX-License-Identifier: Apache-2.0
// The commands `sign` (also `root sign`) and `verify`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_sign(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_verify(struct cli *cli, struct fault *why) MUST_CHECK;
