// SPDX-License-Identifier: Apache-2.0
// The command `bundle new`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_new(struct cli *cli, struct fault *why) MUST_CHECK;
