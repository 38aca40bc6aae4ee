// SPDX-License-Identifier: Apache-2.0
// The two ends of signing by exchanging files: `sign --request` and `sign --merge`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_request(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_merge(struct cli *cli, struct fault *why) MUST_CHECK;
