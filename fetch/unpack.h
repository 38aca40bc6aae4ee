// SPDX-License-Identifier: Apache-2.0
// From a verified bundle to its members in the store. The archive is read in a worker that has nothing to lose.
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "fetch/store.h"
#include "keys/targets.h"

// Holds the bytes against the target, unpacks them in a worker, holds every member against the target's signed list,
// and only then stores the members. A refusal stores nothing.
int unpack_bundle(const struct store *store, const struct target *target, const struct bytes *data,
		  struct fault *why) MUST_CHECK;

// Are all members that the target lists in the store, whole?
int unpack_is_done(const struct store *store, const struct target *target, bool *done,
		   struct fault *why) MUST_CHECK;
