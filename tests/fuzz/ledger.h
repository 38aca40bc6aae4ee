// SPDX-License-Identifier: Apache-2.0
// The oracle of the update target: who signed what, and what a node may therefore keep. It reads metadata with the JSON
// reader alone and shares no rule with the code under test.
#pragma once

#include "tests/sim/sim.h"

struct ledger;

struct ledger *ledger_new(struct sim *sim);
void ledger_free(struct ledger *ledger);

// The keys of `role` have signed its body as it is now; call it whenever the simulator signs.
void ledger_signed(struct ledger *ledger, const struct sim_role *role);
// The same for all roles of the repository.
void ledger_signed_all(struct ledger *ledger);

// Before the client keeps these bytes: aborts unless somebody with the right to do so signed them for this role, its
// parents name it, it has not expired, and it is no step back.
void ledger_keep(struct ledger *ledger, const char *role, int64_t version, const void *data,
		 size_t len);
