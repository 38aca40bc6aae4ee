// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_rollback(struct cli *cli, struct fault *why) MUST_CHECK;
