// SPDX-License-Identifier: Apache-2.0
// The commands `root init|add-key|rm-key|threshold|rotate|delegate|show`.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_root_init(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_add_key(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_rm_key(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_threshold(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_rotate(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_delegate(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_renew(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_root_show(struct cli *cli, struct fault *why) MUST_CHECK;
