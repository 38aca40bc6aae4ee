// SPDX-License-Identifier: Apache-2.0
// Where a staging command works, as its options say: the ceremony directory, the role, and how long its draft is good for.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "bpf/stage.h"

// --dir, or the current directory.
const char *place_dir(const struct cli *cli);
// --dir, --role and --expires.
int place_read(const struct cli *cli, struct stage_place *place, struct fault *why) MUST_CHECK;
// No such draft, version or digest: the call is wrong. Returns -1.
int place_refuse(struct fault *why);
// Tells the command that comes next: signing the draft.
void place_say_next(const struct cli *cli, const struct stage_place *place);
