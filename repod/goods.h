// SPDX-License-Identifier: Apache-2.0
// A look into the goods: do the files that a targets role newly lists exist here, are bundles what they claim to be,
// and could any node ever be allowed to run them?
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

// Checks what `next` lists and `last` (NULL-able: the version before) did not list in the same way. `*conflict` is true
// when the refusal is that a published name and version would change its content.
int goods_check(const struct goods *goods, const struct targets *next, const struct targets *last,
		bool *conflict, struct fault *why) MUST_CHECK;
