// SPDX-License-Identifier: Apache-2.0
// Sets up the server's state: directories with their owners, the online key, the pinned root.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

// `repod init`: creates what is missing; never replaces an online key.
int home_init(struct cli *cli, struct fault *why) MUST_CHECK;
// `repod pin ROOT.json --fingerprint F`: never replaces a pinned root by another one.
int home_pin(struct cli *cli, struct fault *why) MUST_CHECK;
