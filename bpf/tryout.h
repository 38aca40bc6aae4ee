// SPDX-License-Identifier: Apache-2.0
// The kernel's half of `bundle check`: has the loader try a bundle's programs, and shows what came of it.
#pragma once

#include <stdbool.h>

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/bundle.h"
#include "bpf/sibling.h"
#include "bpf/traffic.h"

struct tryout {
	bool wanted; // not --no-load
	bool must;   // --load: having no privilege is a refusal
	struct sibling loader;
};
#define TRYOUT_NONE                    \
	{                              \
		.loader = SIBLING_NONE \
	}
static inline void tryout_drop(struct tryout *tryout)
{
	sibling_drop(&tryout->loader);
}

// Reads the options of `bundle check` and starts the loader, so before the jail shuts.
int tryout_start(const struct cli *cli, struct tryout *out, struct fault *why) MUST_CHECK;
// The same for who has to have it run.
int tryout_must(struct tryout *out, struct fault *why) MUST_CHECK;
// `policy_name` NULL: the default policy. Prints, and fills `*out` ({"ran", "why"?, "kernel", "programs", ...}), which
// is yours, also where a program is refused: FAULT_KERNEL from the verifier, FAULT_POLICY from the gate.
int tryout_run(const struct cli *cli, struct tryout *tryout, const struct bundle *bundle,
	       const char *policy_name, const struct bytes *policy, const struct traffic *traffic,
	       struct json **out, struct fault *why) MUST_CHECK;
// The document of one that was not run, and says so.
int tryout_skip(const struct cli *cli, const char *reason, struct json **out, struct fault *why)
	MUST_CHECK;
