// SPDX-License-Identifier: Apache-2.0
// The command `config import-l3af`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_config_import_l3af(struct cli *cli, struct fault *why) MUST_CHECK;
