// SPDX-License-Identifier: Apache-2.0
// The command `doctor`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_doctor(struct cli *cli, struct fault *why) MUST_CHECK;
