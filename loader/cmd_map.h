// SPDX-License-Identifier: Apache-2.0
// `map get`, `map set`, `map delete`: reads and changes entries in the maps of a running program.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_map_get(struct cli *cli, struct fault *why) MUST_CHECK;
int run_map_set(struct cli *cli, struct fault *why) MUST_CHECK;
int run_map_delete(struct cli *cli, struct fault *why) MUST_CHECK;
