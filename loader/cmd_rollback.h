// SPDX-License-Identifier: Apache-2.0
// `rollback`: goes back to the chains that the last change replaced.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_rollback(struct cli *cli, struct fault *why) MUST_CHECK;
