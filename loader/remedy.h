// SPDX-License-Identifier: Apache-2.0
// What a watch does about a chain that is not as it was applied: it repairs the chain, or detaches a foreign program
// that the admin has named. Under the loader's lock.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loader/mend.h"
#include "loader/namer.h"
#include "loader/watchlog.h"
#include "loader/watchstate.h"

// Borrows everything.
struct remedy {
	bool allowed;		  // false: the watch only checks and reports
	struct mend_places mends; // what of it does not change; see remedy_places
	struct namer *namer;
	struct watchstate *state;
	struct watchlog *log;
};
// The parameters of a repair now. Borrowed from the remedy.
struct mend_places remedy_places(const struct remedy *remedy);
// Whether the back-off lets anything be tried on a chain that was judged in this turn.
bool remedy_may_try(const struct remedy *remedy, const struct monitor *monitor);

// Each returns whether it tried something: then the chain has to be judged again. What comes of it is reported.
// Detaches the foreign programs that node.json names. The same set of programs is tried once: what could not be
// detached is left alone until the set changes.
bool remedy_evict(const struct remedy *remedy, size_t index);
// Repairs a broken chain that was applied and whose interface exists: from what is in the kernel, else from our copies.
bool remedy_mend(const struct remedy *remedy, size_t index);

// After everything was tried: counts it by the back-off of each chain. One repair too many raises the alarm.
void remedy_count(const struct remedy *remedy);
