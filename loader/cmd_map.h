// SPDX-License-Identifier: Apache-2.0
// `map get`, `map set`, `map delete`: what stands in a map of a running program, and another value for it.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_map_get(struct cli *cli, struct fault *why) MUST_CHECK;
int run_map_set(struct cli *cli, struct fault *why) MUST_CHECK;
int run_map_delete(struct cli *cli, struct fault *why) MUST_CHECK;
