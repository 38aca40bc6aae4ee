// SPDX-License-Identifier: Apache-2.0
// The command `keys doctor` (also `key doctor`).
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_doctor(struct cli *cli, struct fault *why) MUST_CHECK;
