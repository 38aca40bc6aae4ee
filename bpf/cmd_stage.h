// SPDX-License-Identifier: Apache-2.0
// The commands `bundle add`, `promote` and `withdraw`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_add(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_promote(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_withdraw(struct cli *cli, struct fault *why) MUST_CHECK;
