// SPDX-License-Identifier: Apache-2.0
// `status`: what runs, as read from the kernel, and what is wrong with it.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_status(struct cli *cli, struct fault *why) MUST_CHECK;
