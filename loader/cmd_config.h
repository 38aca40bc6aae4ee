// SPDX-License-Identifier: Apache-2.0
// `config check` and `config schema`: node.json alone, without the kernel.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_config_check(struct cli *cli, struct fault *why) MUST_CHECK;
int run_config_schema(struct cli *cli, struct fault *why) MUST_CHECK;
