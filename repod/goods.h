// SPDX-License-Identifier: Apache-2.0
// Checks the files that a targets role newly lists: they exist, bundles are what they claim to be, and some policy could
// allow a node to run them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "keys/client.h"
#include "keys/targets.h"
#include "repod/catalog.h"

struct goods {
	int blobs;  // directory
	int broker; // channel
	struct catalog *catalog;
	struct client *client; // has judged the role
};

// Checks what `next` lists and the previous version `last` (may be NULL) did not list with the same digest. `*conflict`: the
// refusal is that a published name and version would get other contents.
int goods_check(const struct goods *goods, const struct targets *next, const struct targets *last,
		bool *conflict, struct fault *why) MUST_CHECK;
