// SPDX-License-Identifier: Apache-2.0
// `watch`: checks and repairs the chains until it is told to stop.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_watch(struct cli *cli, struct fault *why) MUST_CHECK;
