// SPDX-License-Identifier: Apache-2.0
// Unpacks a verified bundle into the store. The archive is parsed in a worker process without privileges.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "fetch/store.h"
#include "keys/targets.h"

// Checks the bytes against the target, unpacks them in a worker, checks every member against the target's signed list, and
// only then stores the members. A refusal stores nothing.
int unpack_bundle(const struct store *store, const struct target *target, const struct bytes *data,
		  struct fault *why) MUST_CHECK;

// Whether all members that the target lists are in the store and undamaged.
int unpack_is_done(const struct store *store, const struct target *target, bool *done,
		   struct fault *why) MUST_CHECK;
