// SPDX-License-Identifier: Apache-2.0
// `bpfseal verify`.
#pragma once

#include "base/cli.h"

int cmd_verify(struct cli *cli, struct fault *why) MUST_CHECK;
