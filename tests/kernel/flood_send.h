// SPDX-License-Identifier: Apache-2.0
// Senders of a flood: one process on each processor, each with flows of its own, as fast as the kernel takes frames.
#pragma once

#include <stdint.h>

#include "tests/kernel/flood.h"
#include "tests/kernel/rival.h"

#define FLOOD_SENDERS_MAX 4

struct flood_send {
	struct rival senders[FLOOD_SENDERS_MAX];
	unsigned count;
};

// So many frames, one after the other, of one flow whose next number is *seq.
void flood_send_some(const char *iface, unsigned count, uint64_t *seq);

// Out of this interface. They run until flood_send_stop, which returns how many frames were sent in all: each of these
// was taken by the kernel, what it refused for want of room is sent again under the same number.
void flood_send_start(struct flood_send *send, const char *iface);
// Once more is nothing more.
uint64_t flood_send_stop(struct flood_send *send);
