// SPDX-License-Identifier: Apache-2.0
// Event sources that wake `watch` between two polls: inotify on the pins, route netlink for interfaces and filters, SIGTERM
// and SIGINT. An event only says where to look: the state itself is always read from the kernel.
#pragma once

#include <stdint.h>

#include "base/fault.h"

enum wakeup_what {
	WAKEUP_END,	// SIGTERM or SIGINT
	WAKEUP_PINS,	// something was pinned or unpinned; `which` is the tag of the directory
	WAKEUP_LINK,	// an interface appeared, vanished or changed; `which` is its index
	WAKEUP_FILTERS, // likewise a qdisc or a filter; `which` is the interface's index, 0: several
	WAKEUP_LOST,	// events were lost (queue overflow): everything has to be checked
};
typedef void (*wakeup_handler)(void *ctx, enum wakeup_what what, uint32_t which);

struct wakeup;

// From here on SIGTERM and SIGINT are delivered as WAKEUP_END, in this process. Interfaces are those of the network namespace
// of the caller. `*out` is the caller's. FAULT_OTHER.
int wakeup_new(struct wakeup **out, struct fault *why) MUST_CHECK;
void wakeup_free(struct wakeup *wakeup);
static inline void wakeup_drop(struct wakeup **wakeup)
{
	wakeup_free(*wakeup);
	*wakeup = NULL;
}

// Watches the pins in this directory and in those that are below it now; events carry `tag`. A missing directory is fine.
// If one of the two directories above is moved, WAKEUP_LOST is delivered, since the paths of the watches no longer hold.
int wakeup_watch(struct wakeup *wakeup, const char *dir, uint32_t tag, struct fault *why)
	MUST_CHECK;
// Ends the watches with this tag.
void wakeup_forget(struct wakeup *wakeup, uint32_t tag);

// Waits for an event, at most `timeout_ms`, then calls `handler` for each event that is pending.
int wakeup_wait(struct wakeup *wakeup, int64_t timeout_ms, wakeup_handler handler, void *ctx,
		struct fault *why) MUST_CHECK;
