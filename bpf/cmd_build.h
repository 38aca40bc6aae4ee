// SPDX-License-Identifier: Apache-2.0
// The command `bundle build`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_build(struct cli *cli, struct fault *why) MUST_CHECK;
