// SPDX-License-Identifier: Apache-2.0
// Every program, map, link and BTF that the kernel has, by id: taken before and after something that shall leave none behind.
// The kernel is one for all who test on it, so programs are told by the uid that loaded them, and the rest by the programs
// and the processes that hold it.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum ledger_kind { LEDGER_PROGRAMS, LEDGER_MAPS, LEDGER_LINKS, LEDGER_BTFS, LEDGER_KINDS };

struct ledger {
	uint32_t *ids[LEDGER_KINDS];
	size_t counts[LEDGER_KINDS];
};

void ledger_take(struct ledger *ledger);
void ledger_drop(struct ledger *ledger);

// A uid that nobody else loads with. Takes effect in who calls it, which keeps its capabilities and its rights to files.
void ledger_sign(uint32_t uid);
// How many programs this uid has loaded that still live.
size_t ledger_programs_of(uint32_t uid);
// What is there that was not there before and is not somebody else's. Waits for what the kernel frees later, and for others
// whose objects cannot be told from ours (maps that no program uses), at most two minutes; says on stderr what stays.
size_t ledger_leaked(const struct ledger *before, uint32_t uid);
