// SPDX-License-Identifier: Apache-2.0
// Checks every chain about once a second and whenever an event arrives, reports what differs from what was applied, and
// repairs it. The loader's lock is held only while chains are judged and repaired: an apply never waits long for it, and a
// chain that an apply is just changing is not mistaken for one under attack.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/events.h"
#include "loader/moment.h"
#include "loader/namer.h"
#include "loader/news.h"
#include "loader/wakeup.h"

// Borrowed while the watch lives.
struct watch_places {
	const char *root; // --root, or NULL
	const char *tree, *config_path, *logs_path;
	const struct events *events;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd;
	size_t room;	       // descriptors that may be held open
	struct wakeup *wakeup; // NULL: no events, polling only
	struct namer *namer;
	struct moment (*moment)(void);
	int64_t (*ticks_us)(void);
	void (*tell)(void *ctx, const struct news *news);
	void *ctx;
	bool mends; // false: only checks and reports
};

struct watch;

int watch_new(const struct watch_places *places, struct watch **out, struct fault *why) MUST_CHECK;
void watch_free(struct watch *watch);
static inline void watch_drop(struct watch **watch)
{
	watch_free(*watch);
	*watch = NULL;
}

// The callback for wakeup_wait(), with the watch as its ctx.
void watch_wake(void *watch, enum wakeup_what what, uint32_t which);
// Whether WAKEUP_END has arrived.
bool watch_is_over(const struct watch *watch);

// One turn: checks the chains that are due or had events, and repairs. Errors are reported and retried; it refuses only when
// memory is out.
int watch_turn(struct watch *watch, struct fault *why) MUST_CHECK;
// How long until the next turn is due.
int64_t watch_wait_ms(const struct watch *watch);

// Whether every chain has been checked at least once.
bool watch_has_looked(const struct watch *watch);
// Why the last attempt to read the state failed; NULL if it succeeded. Borrowed.
const struct fault *watch_blind(const struct watch *watch);
// The number of watched chains, and of findings that hold, without notes.
size_t watch_chains(const struct watch *watch);
size_t watch_findings(const struct watch *watch);
