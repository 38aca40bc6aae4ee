// SPDX-License-Identifier: Apache-2.0
#include "loader/watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/diary.h"
#include "loader/evict.h"
#include "loader/mend.h"
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
	struct diary diary;
	size_t rotor, looks; // whose turn it is to be looked at whole
	int64_t next_look;   // at all of them, cheaply
	int64_t next_turn;   // at suspects
	int64_t stale_since; // all has to be read anew, since then; 0: not
	bool over;
	bool new_link; // an interface came or changed that no monitor knows by its index
	char trouble[FAULT_TEXT_MAX]; // told last
	struct fault blind;	      // why nothing can be read; FAULT_NONE: it can
};

// ---- telling ----

static void tell(void *ctx, const struct news *news)
{
	const struct watch *watch = ctx;

	watch->places.tell(watch->places.ctx, news);
}

static int64_t now_ms(const struct watch *watch)
{
	return watch->places.moment().steady_ms;
}

static struct monitor_listener listener_of(struct watch *watch)
{
	return (struct monitor_listener){.tell = tell, .ctx = watch, .now_ms = now_ms(watch)};
}

static void sentence(const struct fault *why, char *out, size_t room)
{
	snprintf(out, room, "%.300s%s%.200s", why->text, why->cause[0] ? ": " : "", why->cause);
}

// What hinders us: once, until it is something else.
static void tell_trouble(struct watch *watch, struct fault *why)
{
	char text[FAULT_TEXT_MAX];
	const struct news news = {.kind = NEWS_TROUBLE, .text = text};

	sentence(why, text, sizeof(text));
	fault_clear(why);
	if (!strcmp(text, watch->trouble))
		return;
	memcpy(watch->trouble, text, sizeof(text));
	tell(watch, &news);
}

static void tell_of(struct watch *watch, const struct monitor *monitor, enum news_kind kind,
		    uint32_t program, const char *text)
{
	const struct news news = {.kind = kind,
				  .iface = monitor->iface,
				  .hook = monitor->hook,
				  .program = program,
				  .text = text,
				  .pause_ms = backoff_wait_ms(&monitor->backoff, now_ms(watch))};

	tell(watch, &news);
}

// ---- the log ----

static void note(struct watch *watch, const struct monitor *monitor, enum diary_event event,
		 const char *what)
{
	struct fault why = {0};

	if (diary_add(&watch->diary, event, monitor->iface, monitor->hook, what, &monitor->known,
		      &why))
		tell_trouble(watch, &why);
}

// A log that cannot be written is told, and keeps nothing from being mended.
static void write_notes(struct watch *watch)
{
	struct fault why = {0};

	if (diary_write(&watch->diary, watch->places.loader_dirfd,
			watch->places.moment().wall_ms / 1000, &why))
		tell_trouble(watch, &why);
}

// ---- judging ----

static int judge(struct watch *watch, size_t index, struct fault *why)
{
	struct monitor *monitor = watch->state.monitors[index];
	const struct plan_chain *chain = &watch->state.plan->chains[index];
	const struct monitor_listener listener = listener_of(watch);

	if (monitor_judge(monitor, chain, &listener, why))
		return -1;
	if (!monitor->broken &&
	    monitor_settle(monitor, chain, watch->places.wakeup, &watch->state.room, why))
		tell_trouble(watch, why);
	monitor_tell_falls(monitor, &listener);
	return 0;
}

// ---- mending ----

static struct mend_places mend_places(struct watch *watch)
{
	const struct watch_places *at = &watch->places;

	return (struct mend_places){.root = at->root,
				    .node = watch->state.node_fits ? watch->state.node : NULL,
				    .tree = at->tree,
				    .store_dirfd = at->store_dirfd,
				    .loader_dirfd = at->loader_dirfd,
				    .trust_dirfd = at->trust_dirfd,
				    .objects_dirfd = at->objects_dirfd,
				    .logs_dirfd = at->logs_dirfd,
				    .logs_path = at->logs_path,
				    .events = at->events,
				    .tags = &watch->state.tags,
				    .now = at->moment().wall_ms / 1000,
				    .ticks_us = at->ticks_us};
}

// Interfaces that have come, and what hooks of theirs wait.
struct arrivals {
	struct mend_comers comers;
	size_t monitors[MEND_COMERS_MAX * HOOK_COUNT], count;
};

// Counts one repair; one too many raises the alarm.
static void count_round(struct watch *watch, struct monitor *monitor)
{
	char text[128];

	if (!backoff_note(&monitor->backoff, now_ms(watch)))
		return;
	snprintf(text, sizeof(text),
		 "it is taken apart again and again: the next time it is mended after %" PRId64
		 " s at the earliest",
		 backoff_wait_ms(&monitor->backoff, now_ms(watch)) / 1000);
	note(watch, monitor, DIARY_ALARM, text);
	tell_of(watch, monitor, NEWS_ALARM, 0, text);
}

static void mend(struct watch *watch, size_t index)
{
	const struct plan_chain *chain = &watch->state.plan->chains[index];
	const struct mend_places places = mend_places(watch);
	struct monitor *monitor = watch->state.monitors[index];
	struct fault first = {0}, why = {0};
	char text[FAULT_TEXT_MAX];
	bool failed = false;

	if (mend_put_back(&places, chain, monitor_keeper(monitor, chain), monitor->how, &first))
		failed = mend_restore(&places, chain->iface, chain->hook, monitor->how, &why) != 0;
	else
		failed = mend_check_maps(&places, chain, &why) != 0;
	// What was held is of what was there before: another link, perhaps another generation.
	monitor_let_go(monitor, &watch->state.room);
	note(watch, monitor, DIARY_MENDED, failed ? "not mended" : monitor->how);
	if (failed) {
		monitor->how[0] = '\0';
		sentence(&why, text, sizeof(text));
		tell_of(watch, monitor, NEWS_FAILED, 0, text);
	}
	monitor->tried |= failed || !monitor->returned;
	monitor->suspect = true;
}

// Attaching a chain again whose interface had only been away is no repair: nobody attacked it.
static void count_rounds(struct watch *watch)
{
	for (size_t i = 0; i < watch->state.count; i++) {
		struct monitor *monitor = watch->state.monitors[i];

		if (monitor->tried)
			count_round(watch, monitor);
		monitor->tried = false;
	}
}

static void welcome(struct watch *watch, const struct arrivals *arrivals)
{
	const struct mend_places places = mend_places(watch);
	char how[ATTACH_HOW], text[FAULT_TEXT_MAX];
	struct fault why = {0};
	bool failed = mend_welcome(&places, &arrivals->comers, how, &why) != 0;

	sentence(&why, text, sizeof(text));
	for (size_t i = 0; i < arrivals->count; i++) {
		struct monitor *monitor = watch->state.monitors[arrivals->monitors[i]];

		monitor->suspect = true;
		if (!failed) {
			monitor->broken_since = now_ms(watch);
			memcpy(monitor->how, how, sizeof(monitor->how));
		} else if (arrivals->comers.count > 1) {
			monitor->apart =
				true; // one of them may be refused and keep the others waiting
		} else {
			monitor->tried = true;
			tell_of(watch, monitor, NEWS_FAILED, 0, text);
		}
	}
}

struct eviction {
	struct watch *watch;
	struct monitor *monitor;
};

static void told_evicted(void *ctx, uint32_t program, const char *name, const struct fault *why)
{
	const struct eviction *eviction = ctx;
	char text[FAULT_TEXT_MAX];

	snprintf(text, sizeof(text), "program %u \"%s\" %s%.200s", program, name,
		 why ? "could not be taken off: " : "was taken off, as node.json says",
		 why ? why->text : "");
	note(eviction->watch, eviction->monitor, DIARY_EVICTED, text);
	tell_of(eviction->watch, eviction->monitor, why ? NEWS_FAILED : NEWS_EVICTED, program,
		text);
}

// Only what node.json names, and each set of programs once: what could not be taken off stays off our time.
static bool evict(struct watch *watch, size_t index)
{
	struct monitor *monitor = watch->state.monitors[index];
	const struct plan_chain *chain = &watch->state.plan->chains[index];
	struct eviction eviction = {watch, monitor};
	uint64_t others = evict_others(&chain->truth);
	const struct evict evict = {.rule = &watch->state.node->watch,
				    .namer = watch->places.namer,
				    .hook = monitor->hook,
				    .truth = &chain->truth,
				    .told = told_evicted,
				    .ctx = &eviction};

	if (monitor->others == others)
		return false;
	monitor->others = others;
	if (!evict_run(&evict))
		return false;
	monitor->tried = true;
	monitor->suspect = true;
	return true;
}

static bool may_mend(const struct watch *watch, size_t index)
{
	const struct monitor *monitor = watch->state.monitors[index];
	const struct plan_chain *chain = &watch->state.plan->chains[index];

	return watch->places.mends && monitor->judged && monitor->broken &&
	       chain->truth.iface_index && json_count(json_member(chain->record, "members")) &&
	       backoff_allows(&monitor->backoff, now_ms(watch));
}

// An interface that node.json has a chain for, and had none when that was applied.
static bool has_come(const struct plan_chain *chain)
{
	return chain->truth.iface_index && chain->interface &&
	       chain->interface->chain_count[chain->hook] && !chain->record &&
	       !chain->truth.root_id && !chain->truth.linked;
}

// Whether anything else is not as node.json says: then what it says for one that has come is not the whole of it. Others
// that have come are no such thing.
static bool drifts(const struct watchstate *watchstate)
{
	for (size_t i = 0; i < watchstate->count; i++)
		if (watchstate->monitors[i]->drift.count &&
		    watchstate->plan->chains[i].truth.iface_index &&
		    !has_come(&watchstate->plan->chains[i]))
			return true;
	return false;
}

static bool may_welcome(const struct watch *watch, size_t index)
{
	const struct watchstate *watchstate = &watch->state;

	return watch->places.mends && watchstate->monitors[index]->judged && watchstate->applied &&
	       has_come(&watchstate->plan->chains[index]) &&
	       backoff_allows(&watchstate->monitors[index]->backoff, now_ms(watch));
}

// Takes one more, with what waits on its other hooks: false when no more fit.
static bool arrive(struct arrivals *arrivals, const struct watch *watch, size_t index)
{
	const struct monitor *monitor = watch->state.monitors[index];
	struct mend_comers *comers = &arrivals->comers;
	const char *last = comers->count ? comers->ifaces[comers->count - 1] : "";

	// The hooks of one interface stand side by side.
	if (strcmp(monitor->iface, last) != 0) {
		if (comers->count == MEND_COMERS_MAX || (comers->count && monitor->apart))
			return false;
		comers->ifaces[comers->count++] = monitor->iface;
	}
	arrivals->monitors[arrivals->count++] = index;
	return true;
}

// Some of those that have come; the others soon.
static bool welcome_some(struct watch *watch)
{
	struct arrivals arrivals = {.count = 0};
	bool drift = drifts(&watch->state), apart = false;

	for (size_t i = 0; i < watch->state.count && !drift; i++) {
		if (!may_welcome(watch, i))
			continue;
		if (!apart && arrive(&arrivals, watch, i))
			apart = watch->state.monitors[i]->apart;
		else
			watch->state.monitors[i]->suspect = true;
	}
	if (arrivals.count)
		welcome(watch, &arrivals);
	return arrivals.count;
}

static bool may_evict(const struct watch *watch, size_t index)
{
	return watch->places.mends && watch->state.monitors[index]->judged &&
	       watch->state.node_fits && watch->state.node->watch.evict_count &&
	       backoff_allows(&watch->state.monitors[index]->backoff, now_ms(watch));
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
		tell_trouble(watch, why);
		watch->next_turn = watch->next_look;
		// Whoever lets interfaces come and go so fast that no list of them can be had blinds nobody to the chains.
		return watch->state.plan ? judge_suspects(watch, false, why) : 0;
	}
	watch->stale_since = 0;
	fault_clear(&watch->blind);
	if (refused.code != FAULT_NONE)
		tell_trouble(watch, &refused);
	return judge_suspects(watch, true, why);
}

// Under the lock, and not for longer than others can wait: what is left over has its turn soon.
static int look_and_mend(struct watch *watch, struct fault *why)
{
	int64_t start = now_ms(watch);
	bool done = false;

	for (size_t i = 0; i < watch->state.count; i++)
		watch->state.monitors[i]->judged = false;
	if (look(watch, why))
		return -1;
	for (size_t i = 0; i < watch->state.count && watch->state.plan; i++) {
		if (now_ms(watch) - start > HOLD_MS) {
			watch->state.monitors[i]->suspect |= watch->state.monitors[i]->broken;
			continue;
		}
		if (may_evict(watch, i) && evict(watch, i)) {
			done = true;
			continue; // what it leaves is seen first
		}
		if (may_mend(watch, i)) {
			mend(watch, i);
			done = true;
		}
	}
	done |= watch->state.plan && welcome_some(watch);
	if (!done)
		return 0;
	count_rounds(watch);
	if (look(watch, why))
		return -1;
	write_notes(watch);
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
		tell_trouble(watch, why);
	fault_clear(why);
	// Somebody is at work, and what is seen may be theirs. But whoever holds a lock for ever hides nothing by it.
	if (now_ms(watch) - first_suspicion(watch) < PATIENCE_MS)
		return 0;
	return look(watch, why);
}

// The cheap look at all; the whole one at the next in turn, and at those that are broken.
static void glance(struct watch *watch, int64_t now)
{
	const struct monitor_listener listener = listener_of(watch);
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
	int64_t now = now_ms(watch);

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
	int64_t now = now_ms(watch), until = watch->next_look;

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
	int64_t now = now_ms(watch);
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

int watch_new(const struct watch_places *places, struct watch **out, struct fault *why)
{
	const struct watchstate_places watchstate = {.root = places->root,
						     .tree = places->tree,
						     .config_path = places->config_path,
						     .loader_dirfd = places->loader_dirfd,
						     .wakeup = places->wakeup};
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return fault_set(why, FAULT_OTHER, "out of memory");
	watch->places = *places;
	watchstate_init(&watch->state, &watchstate, places->room);
	*out = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	watchstate_drop(&watch->state);
	diary_drop(&watch->diary);
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
