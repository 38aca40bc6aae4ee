// SPDX-License-Identifier: Apache-2.0
// The events that wake `watch` between two polls: inotify on the pins, route netlink for interfaces and filters, SIGTERM
// and SIGINT. An event only says where to look; what has happened is read from the kernel.
#pragma once

#include <stdint.h>

#include "base/fault.h"

enum bell_what {
	BELL_END,     // SIGTERM or SIGINT
	BELL_PINS,    // something was pinned or unpinned; `which` is the tag of the directory
	BELL_LINK,    // an interface came, went or changed; its index
	BELL_FILTERS, // likewise a qdisc or a filter; the interface's index, 0: of several
	BELL_LOST,    // more has happened than could be told: look at everything
};
typedef void (*bell_ring)(void *ctx, enum bell_what what, uint32_t which);

struct bell;

// From here on SIGTERM and SIGINT ring instead of killing. Interfaces are those of the namespace it is made in.
int bell_new(struct bell **out, struct fault *why) MUST_CHECK;
void bell_free(struct bell *bell);
static inline void bell_drop(struct bell **bell)
{
	bell_free(*bell);
	*bell = NULL;
}

// Pins in this directory and those below it, as they are now. One that is gone is fine. Whoever moves a directory of the
// two levels above rings as BELL_LOST: nobody knows what stands where.
int bell_watch(struct bell *bell, const char *dir, uint32_t tag, struct fault *why) MUST_CHECK;
void bell_forget(struct bell *bell, uint32_t tag);

// Waits until something rings, at most so long; then rings for all that has.
int bell_wait(struct bell *bell, int64_t timeout_ms, bell_ring ring, void *ctx, struct fault *why)
	MUST_CHECK;
