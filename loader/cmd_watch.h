// SPDX-License-Identifier: Apache-2.0
// `watch`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_watch(struct cli *cli, struct fault *why) MUST_CHECK;
