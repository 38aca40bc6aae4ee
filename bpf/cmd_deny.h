// SPDX-License-Identifier: Apache-2.0
// The commands `deny add`, `deny remove` and `deny show`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_deny_add(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_deny_remove(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_deny_show(struct cli *cli, struct fault *why) MUST_CHECK;
