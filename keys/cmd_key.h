// SPDX-License-Identifier: Apache-2.0
// The commands `key new`, `key show` and `key passwd`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_key_new(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_key_show(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_key_passwd(struct cli *cli, struct fault *why) MUST_CHECK;
