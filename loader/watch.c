// SPDX-License-Identifier: Apache-2.0
#include "loader/watch.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/arrivals.h"
#include "loader/remedy.h"
#include "loader/watchlog.h"
#include "loader/watchstate.h"

#define LOCK_FILE "lock"

// One look takes a fraction of a millisecond; with it a change is told within a second.
#define LOOK_MS 900
// So many cheap looks to a whole one at one chain: for what neither they nor an event can tell.
#define WHOLE_EVERY 4
// After an event others follow: one look for all of them, and not many a second, however many come.
#define SETTLE_MS 30
#define BUSY_MS	  50
// How long somebody else's lock explains what is seen. Then it is told, and not mended.
#define PATIENCE_MS 800
// Whoever waits for the lock gets it after so long, between two chains.
#define HOLD_MS 500
// Chains that stay broken are looked at whole at each look, but not more than so many.
#define BROKEN_MAX 16

struct watch {
	struct watch_places places;
	struct watchstate state;
	struct watchlog log;
	struct remedy remedy;
	size_t rotor, looks; // whose turn it is to be looked at whole
	int64_t next_look;   // at all of them, cheaply
	int64_t next_turn;   // at suspects
	int64_t stale_since; // all has to be read anew, since then; 0: not
	bool over;
	bool new_link;	    // an interface came or changed that no monitor knows by its index
	struct fault blind; // why nothing can be read; FAULT_NONE: it can
};

static int judge(struct watch *watch, size_t index, struct fault *why)
{
	struct monitor *monitor = watch->state.monitors[index];
	const struct plan_chain *chain = &watch->state.plan->chains[index];
	const struct monitor_listener listener = watchlog_listener(&watch->log);

	if (monitor_judge(monitor, chain, &listener, why))
		return -1;
	if (!monitor->broken &&
	    monitor_settle(monitor, chain, watch->places.wakeup, &watch->state.room, why))
		watchlog_trouble(&watch->log, why);
	monitor_tell_falls(monitor, &listener);
	return 0;
}

// ---- one turn ----

static bool any_suspect(const struct watch *watch)
{
	for (size_t i = 0; i < watch->state.count; i++)
		if (watch->state.monitors[i]->suspect)
			return true;
	return watch->stale_since != 0;
}

static int judge_suspects(struct watch *watch, bool seen, struct fault *why)
{
	for (size_t i = 0; i < watch->state.count; i++) {
		if (!watch->state.monitors[i]->suspect)
			continue;
		if ((!seen && watchstate_see(&watch->state, i, why)) || judge(watch, i, why))
			return -1;
	}
	return 0;
}

// Reads what is to be read, and judges it.
static int look(struct watch *watch, struct fault *why)
{
	struct fault refused = {0};

	if (!watch->stale_since && !watchstate_is_stale(&watch->state))
		return judge_suspects(watch, false, why);
	if (watchstate_read(&watch->state, &refused, why)) {
		watch->blind = *why;
		watchlog_trouble(&watch->log, why);
		watch->next_turn = watch->next_look;
		// Whoever lets interfaces come and go so fast that no list of them can be had blinds nobody to the chains.
		return watch->state.plan ? judge_suspects(watch, false, why) : 0;
	}
	watch->stale_since = 0;
	fault_clear(&watch->blind);
	if (refused.code != FAULT_NONE)
		watchlog_trouble(&watch->log, &refused);
	return judge_suspects(watch, true, why);
}

// Under the lock, and not for longer than others can wait: what is left over has its turn soon.
static int look_and_mend(struct watch *watch, struct fault *why)
{
	int64_t start = watchlog_now_ms(&watch->log);
	bool done = false;

	for (size_t i = 0; i < watch->state.count; i++)
		watch->state.monitors[i]->judged = false;
	if (look(watch, why))
		return -1;
	for (size_t i = 0; i < watch->state.count && watch->state.plan; i++) {
		if (watchlog_now_ms(&watch->log) - start > HOLD_MS) {
			watch->state.monitors[i]->suspect |= watch->state.monitors[i]->broken;
			continue;
		}
		// What an eviction leaves is judged before it is repaired.
		if (remedy_evict(&watch->remedy, i) || remedy_mend(&watch->remedy, i))
			done = true;
	}
	done |= watch->state.plan && arrivals_load(&watch->remedy);
	if (!done)
		return 0;
	remedy_count(&watch->remedy);
	if (look(watch, why))
		return -1;
	watchlog_write(&watch->log);
	return 0;
}

static int64_t first_suspicion(const struct watch *watch)
{
	int64_t first = watch->stale_since ? watch->stale_since : INT64_MAX;

	for (size_t i = 0; i < watch->state.count; i++)
		if (watch->state.monitors[i]->suspect_since &&
		    watch->state.monitors[i]->suspect_since < first)
			first = watch->state.monitors[i]->suspect_since;
	return first;
}

// A pin of a link that lives was not taken away by any of ours: they detach first. Put back without the lock, or an apply
// that holds it would find its own hook taken by a link that only we hold.
static void rescue_links(struct watch *watch)
{
	struct fault ignored = {0};

	for (size_t i = 0; i < watch->state.count; i++)
		if (watch->state.monitors[i]->suspect && watch->state.monitors[i]->keeper &&
		    keeper_rescue_link(watch->state.monitors[i]->keeper, &ignored))
			fault_clear(&ignored);
}

static int examine(struct watch *watch, struct fault *why)
{
	OWNED(drop_fd) int lock = -1;

	if (!any_suspect(watch))
		return 0;
	rescue_links(watch);
	if (!file_lock_at(watch->places.loader_dirfd, LOCK_FILE, 0, &lock, why))
		return look_and_mend(watch, why);
	if (why->code != FAULT_BUSY)
		watchlog_trouble(&watch->log, why);
	fault_clear(why);
	// Somebody is at work, and what is seen may be theirs. But whoever holds a lock for ever hides nothing by it.
	if (watchlog_now_ms(&watch->log) - first_suspicion(watch) < PATIENCE_MS)
		return 0;
	return look(watch, why);
}

// The cheap look at all; the whole one at the next in turn, and at those that are broken.
static void glance(struct watch *watch, int64_t now)
{
	const struct monitor_listener listener = watchlog_listener(&watch->log);
	size_t broken = 0;

	for (size_t i = 0; i < watch->state.count; i++) {
		struct monitor *monitor = watch->state.monitors[i];

		monitor_glance(monitor, now);
		monitor_tell_falls(monitor, &listener);
		if (monitor->broken && broken++ < BROKEN_MAX)
			monitor_suspect(monitor, now);
	}
	if (watch->state.count && watch->looks++ % WHOLE_EVERY == 0)
		monitor_suspect(watch->state.monitors[watch->rotor++ % watch->state.count], now);
	if (watchstate_is_stale(&watch->state) && !watch->stale_since)
		watch->stale_since = now;
	watch->next_look = now + LOOK_MS;
}

int watch_turn(struct watch *watch, struct fault *why)
{
	int64_t now = watchlog_now_ms(&watch->log);

	if (now >= watch->next_look) {
		glance(watch, now);
		watch->next_turn = now;
	}
	if (watch->new_link && now >= watch->next_turn) {
		watch->new_link = false;
		if (watchstate_differs(&watch->state) && !watch->stale_since)
			watch->stale_since = now;
	}
	if (now < watch->next_turn)
		return 0;
	// What cannot be finished now is not tried without a pause.
	watch->next_turn = now + BUSY_MS;
	return examine(watch, why);
}

int64_t watch_wait_ms(const struct watch *watch)
{
	int64_t now = watchlog_now_ms(&watch->log), until = watch->next_look;

	if ((any_suspect(watch) || watch->new_link) && watch->next_turn < until)
		until = watch->next_turn;
	return until > now ? until - now : 0;
}

// ---- wakeups ----

static bool concerns(const struct monitor *monitor, enum wakeup_what what, uint32_t which)
{
	switch (what) {
	case WAKEUP_PINS:
		return monitor->tag == which;
	case WAKEUP_LINK:
		return monitor->hook != HOOK_PROBE &&
		       (!monitor->has_sight || monitor->sight.ifindex == which);
	case WAKEUP_FILTERS:
		return monitor->hook != HOOK_XDP && monitor->hook != HOOK_PROBE &&
		       (!which || !monitor->has_sight || monitor->sight.ifindex == which);
	case WAKEUP_LOST:
		return true;
	case WAKEUP_END:
	default:
		return false;
	}
}

void watch_wake(void *ctx, enum wakeup_what what, uint32_t which)
{
	struct watch *watch = ctx;
	int64_t now = watchlog_now_ms(&watch->log);
	bool known = false;

	watch->over |= what == WAKEUP_END;
	for (size_t i = 0; i < watch->state.count; i++) {
		if (!concerns(watch->state.monitors[i], what, which))
			continue;
		monitor_suspect(watch->state.monitors[i], now);
		// Those without a state to compare with are woken by everything.
		known |= watch->state.monitors[i]->has_sight;
	}
	// One that nobody knows may be what a pattern of node.json waits for, or have been renamed into another's place.
	watch->new_link |= what == WAKEUP_LINK && !known;
	if (what == WAKEUP_LOST)
		watch->stale_since = watch->stale_since ? watch->stale_since : now;
	if (watch->next_turn < now)
		watch->next_turn = now + SETTLE_MS;
}

bool watch_is_over(const struct watch *watch)
{
	return watch->over;
}

// ---- beginning and end ----

static struct remedy remedy_of(struct watch *watch)
{
	const struct watch_places *at = &watch->places;

	return (struct remedy){.allowed = at->mends,
			       .mends = {.root = at->root,
					 .tree = at->tree,
					 .store_dirfd = at->store_dirfd,
					 .loader_dirfd = at->loader_dirfd,
					 .trust_dirfd = at->trust_dirfd,
					 .objects_dirfd = at->objects_dirfd,
					 .logs_dirfd = at->logs_dirfd,
					 .logs_path = at->logs_path,
					 .events = at->events,
					 .ticks_us = at->ticks_us},
			       .namer = at->namer,
			       .state = &watch->state,
			       .log = &watch->log};
}

int watch_new(const struct watch_places *places, struct watch **out, struct fault *why)
{
	const struct watchstate_places state = {.root = places->root,
						.tree = places->tree,
						.config_path = places->config_path,
						.loader_dirfd = places->loader_dirfd,
						.wakeup = places->wakeup};
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return fault_set(why, FAULT_OTHER, "out of memory");
	watch->places = *places;
	watchstate_init(&watch->state, &state, places->room);
	watch->log = (struct watchlog){.tell = places->tell,
				       .ctx = places->ctx,
				       .moment = places->moment,
				       .loader_dirfd = places->loader_dirfd};
	watch->remedy = remedy_of(watch);
	*out = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	watchstate_drop(&watch->state);
	watchlog_drop(&watch->log);
	free(watch);
}

bool watch_has_looked(const struct watch *watch)
{
	return watch->state.plan && !any_suspect(watch);
}

const struct fault *watch_blind(const struct watch *watch)
{
	return watch->blind.code == FAULT_NONE ? NULL : &watch->blind;
}

size_t watch_chains(const struct watch *watch)
{
	return watch->state.count;
}

size_t watch_findings(const struct watch *watch)
{
	size_t count = 0;

	for (size_t i = 0; i < watch->state.count; i++)
		count += findings_count(&watch->state.monitors[i]->known, FINDING_BEYOND);
	return count;
}
