// SPDX-License-Identifier: Apache-2.0
// `map get`: what stands in a map of a running program.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_map_get(struct cli *cli, struct fault *why) MUST_CHECK;
