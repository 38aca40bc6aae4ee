// SPDX-License-Identifier: Apache-2.0
// The commands `trust add|show|test|remove`: what the admin of a node says about a repository.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int cmd_trust_add(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_trust_show(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_trust_test(struct cli *cli, struct fault *why) MUST_CHECK;
int cmd_trust_remove(struct cli *cli, struct fault *why) MUST_CHECK;
