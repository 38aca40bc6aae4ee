// SPDX-License-Identifier: Apache-2.0
// The command `bundle check`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_check(struct cli *cli, struct fault *why) MUST_CHECK;
