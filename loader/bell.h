// SPDX-License-Identifier: Apache-2.0
// Event sources that wake `watch` between two polls: inotify on the pins, route netlink for interfaces and filters, SIGTERM
// and SIGINT. An event only says where to look: the state itself is always read from the kernel.
#pragma once

#include <stdint.h>

#include "base/fault.h"

enum bell_what {
	BELL_END,     // SIGTERM or SIGINT
	BELL_PINS,    // something was pinned or unpinned; `which` is the tag of the directory
	BELL_LINK,    // an interface appeared, vanished or changed; `which` is its index
	BELL_FILTERS, // likewise a qdisc or a filter; `which` is the interface's index, 0: several
	BELL_LOST,    // events were lost (queue overflow): everything has to be checked
};
typedef void (*bell_ring)(void *ctx, enum bell_what what, uint32_t which);

struct bell;

// From here on SIGTERM and SIGINT are delivered as BELL_END, in this process. Interfaces are those of the network namespace
// of the caller. `*out` is the caller's. FAULT_OTHER.
int bell_new(struct bell **out, struct fault *why) MUST_CHECK;
void bell_free(struct bell *bell);
static inline void bell_drop(struct bell **bell)
{
	bell_free(*bell);
	*bell = NULL;
}

// Watches the pins in this directory and in those that are below it now; events carry `tag`. A missing directory is fine.
// If one of the two directories above is moved, BELL_LOST is delivered, since the paths of the watches no longer hold.
int bell_watch(struct bell *bell, const char *dir, uint32_t tag, struct fault *why) MUST_CHECK;
// Ends the watches with this tag.
void bell_forget(struct bell *bell, uint32_t tag);

// Waits for an event, at most `timeout_ms`, then calls `ring` for each event that is pending.
int bell_wait(struct bell *bell, int64_t timeout_ms, bell_ring ring, void *ctx, struct fault *why)
	MUST_CHECK;
