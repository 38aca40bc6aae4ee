// SPDX-License-Identifier: Apache-2.0
// Looks at every chain, every second and whenever a bell rings; tells what is not as it was applied; puts it back. The
// lock of the loader is held only while something is judged or mended, so nobody's apply waits long, and a chain that is
// being changed is not taken for one that is attacked.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/bell.h"
#include "loader/events.h"
#include "loader/moment.h"
#include "loader/namer.h"
#include "loader/news.h"

// Borrowed while the watch lives.
struct watch_places {
	const char *root; // --root, or NULL
	const char *tree, *config_path, *logs_path;
	const struct events *events;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd;
	size_t room;	   // descriptors that may be held
	struct bell *bell; // NULL: nothing rings
	struct namer *namer;
	struct moment (*moment)(void);
	int64_t (*ticks_us)(void);
	void (*tell)(void *ctx, const struct news *news);
	void *ctx;
	bool mends; // false: only looks and tells
};

struct watch;

int watch_new(const struct watch_places *places, struct watch **out, struct fault *why) MUST_CHECK;
void watch_free(struct watch *watch);
static inline void watch_drop(struct watch **watch)
{
	watch_free(*watch);
	*watch = NULL;
}

// What to give to bell_wait(), with the watch as its ctx.
void watch_ring(void *watch, enum bell_what what, uint32_t which);
bool watch_is_over(const struct watch *watch);

// One turn: looks where it is due or was rung for, judges, mends. What hinders it is told and tried again; only want of
// memory is a refusal.
int watch_turn(struct watch *watch, struct fault *why) MUST_CHECK;
// How long nothing is due.
int64_t watch_wait_ms(const struct watch *watch);

// Whether everything has been looked at since the beginning.
bool watch_has_looked(const struct watch *watch);
// Why it cannot look, at the last time that it tried; NULL: it could.
const struct fault *watch_blind(const struct watch *watch);
// Chains that are watched, and findings that hold, notes not counted.
size_t watch_chains(const struct watch *watch);
size_t watch_findings(const struct watch *watch);
