// SPDX-License-Identifier: Apache-2.0
// Making the server's home: directories with their owners, the online key, the root that the server starts from.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

// `repod init`: makes what is not there yet; an online key that is there stays.
int home_init(struct cli *cli, struct fault *why) MUST_CHECK;
// `repod pin ROOT.json --fingerprint F`: never another root over one that is pinned.
int home_pin(struct cli *cli, struct fault *why) MUST_CHECK;
