// SPDX-License-Identifier: Apache-2.0
#include "loader/watchstate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/applied.h"
#include "loader/record.h"
#include "loader/roster.h"
#include "loader/scan.h"

void watchstate_init(struct watchstate *watchstate, const struct watchstate_places *places,
		     size_t room)
{
	*watchstate = (struct watchstate){.places = *places, .room = room};
	watchstate->nothing.policy = policy_default();
}

static struct stamp config_stamp(const struct watchstate *watchstate)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/node.json", watchstate->places.config_path);
	return stamp_of(AT_FDCWD, path);
}

// An apply, an unload or an editor was at work.
bool watchstate_is_stale(const struct watchstate *watchstate)
{
	const struct stamp config = config_stamp(watchstate);
	const struct stamp record = stamp_of(watchstate->places.loader_dirfd, RECORD_ACTIVE);
	const struct stamp next = stamp_of(watchstate->places.loader_dirfd, RECORD_NEXT);
	const struct stamp noted = stamp_of(watchstate->places.loader_dirfd, APPLIED_FILE);

	return !watchstate->plan || !stamp_is(&config, &watchstate->config) ||
	       !stamp_is(&record, &watchstate->record) || !stamp_is(&next, &watchstate->next) ||
	       !stamp_is(&noted, &watchstate->noted);
}

static struct plan_places plan_places(const struct watchstate *watchstate, const struct node *node)
{
	return (struct plan_places){.node = node ? node : &watchstate->nothing,
				    .tree = watchstate->places.tree,
				    .loader_dirfd = watchstate->places.loader_dirfd};
}

static bool is_among(const struct monitor *monitor, struct monitor *const *monitors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (monitors[i] == monitor)
			return true;
	return false;
}

// Gives back those monitors that are not among these others.
static void monitors_free(struct watchstate *watchstate, struct monitor **monitors, size_t count,
			  struct monitor **others, size_t other_count)
{
	for (size_t i = 0; monitors && i < count; i++)
		if (!is_among(monitors[i], others, other_count))
			monitor_free(monitors[i], watchstate->places.wakeup, &watchstate->room);
	free(monitors);
}

// The monitor that a chain had before, or a new one.
static struct monitor *monitor_for(struct watchstate *watchstate, const struct plan_chain *chain,
				   struct fault *why)
{
	for (size_t i = 0; i < watchstate->count; i++)
		if (monitor_is_of(watchstate->monitors[i], chain))
			return watchstate->monitors[i];
	return monitor_new(watchstate->places.tree, chain, watchstate->next_tag++, why);
}

static int arrange(struct watchstate *watchstate, const struct plan *plan, struct fault *why)
{
	struct monitor **monitors = calloc(plan->count + 1, sizeof(struct monitor *));

	if (!monitors)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < plan->count; i++) {
		monitors[i] = monitor_for(watchstate, &plan->chains[i], why);
		if (!monitors[i]) {
			monitors_free(watchstate, monitors, i, watchstate->monitors,
				      watchstate->count);
			return -1;
		}
	}
	monitors_free(watchstate, watchstate->monitors, watchstate->count, monitors, plan->count);
	watchstate->monitors = monitors;
	watchstate->count = plan->count;
	return 0;
}

// node.json as it is now; where it is refused, as it was: that tells still what is where.
static bool load_node(struct watchstate *watchstate, struct node **out, struct fault *refused)
{
	const struct stamp config = config_stamp(watchstate);

	if (watchstate->plan && stamp_is(&config, &watchstate->config))
		return false;
	watchstate->config = config;
	watchstate->node_fits = node_load(watchstate->places.root, NULL, out, refused) == 0;
	return watchstate->node_fits;
}

// What node.json asks for and is not there. Told, and left to an apply. Only here: an allow-list has thousands of values.
static int drift_of(struct watchstate *watchstate, size_t index, struct fault *why)
{
	const struct plan_chain *chain = &watchstate->plan->chains[index];
	struct findings *drift = &watchstate->monitors[index]->drift;

	findings_drop(drift);
	if (!watchstate->node_fits)
		return 0;
	if (findings_drift(drift, watchstate->monitors[index]->iface, chain->hook, chain->interface,
			   &chain->truth, chain->record, why))
		return -1;
	for (size_t i = 0; i < drift->count; i++)
		drift->list[i].weight = FINDING_BEYOND;
	return 0;
}

// What is read now takes the place of what was read before.
static void watchstate_take(struct watchstate *watchstate, struct plan **plan, struct node **node)
{
	// The old plan borrows from the old node.
	plan_drop(&watchstate->plan);
	watchstate->plan = HAND_OVER(*plan);
	if (!*node)
		return;
	node_free(watchstate->node);
	watchstate->node = HAND_OVER(*node);
}

int watchstate_read(struct watchstate *watchstate, struct fault *refused, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(node_drop) struct node *node = NULL;
	bool fresh = load_node(watchstate, &node, refused);
	const struct plan_places places = plan_places(watchstate, fresh ? node : watchstate->node);

	watchstate->record = stamp_of(watchstate->places.loader_dirfd, RECORD_ACTIVE);
	watchstate->next = stamp_of(watchstate->places.loader_dirfd, RECORD_NEXT);
	watchstate->noted = stamp_of(watchstate->places.loader_dirfd, APPLIED_FILE);
	if (scan_all(&places, &plan, why) || arrange(watchstate, plan, why)) {
		watchstate->record = watchstate->config = (struct stamp){0}; // stale still
		return -1;
	}
	watchstate_take(watchstate, &plan, &node);
	watchstate->applied = watchstate->node_fits &&
			      applied_is(watchstate->places.loader_dirfd, watchstate->node);
	for (size_t i = 0; i < watchstate->count; i++) {
		watchstate->monitors[i]->suspect = true;
		if (drift_of(watchstate, i, why))
			return -1;
	}
	return 0;
}

bool watchstate_differs(const struct watchstate *watchstate)
{
	const struct plan_places places = plan_places(watchstate, watchstate->node);
	OWNED(roster_drop) struct roster roster = {0};
	struct fault ignored = {0};

	if (!watchstate->plan || roster_make(places.node, places.tree, &roster, &ignored) ||
	    roster.count != watchstate->plan->count)
		return true;
	for (size_t i = 0; i < roster.count; i++) {
		const struct roster_line *line = &roster.lines[i];
		const struct plan_chain *chain = &watchstate->plan->chains[i];

		if (line->hook != chain->hook || strcmp(line->iface, chain->iface) != 0 ||
		    strcmp(line->was, chain->was) != 0)
			return true;
	}
	return false;
}

// A chain that cannot be read is a finding by itself.
int watchstate_see(struct watchstate *watchstate, size_t index, struct fault *why)
{
	const struct plan_places places = plan_places(watchstate, watchstate->node);
	struct plan_chain *chain = &watchstate->plan->chains[index];
	char text[FAULT_TEXT_MAX / 2];

	if (!scan_chain(chain, &places, &watchstate->tags, why))
		return 0;
	snprintf(text, sizeof(text), "%.120s%s%.80s", why->text, why->cause[0] ? ": " : "",
		 why->cause);
	fault_clear(why);
	findings_drop(&chain->damage);
	return findings_add(&chain->damage, chain->iface, chain->hook, 0, why, "unreadable", "%s",
			    text);
}

void watchstate_drop(struct watchstate *watchstate)
{
	monitors_free(watchstate, watchstate->monitors, watchstate->count, NULL, 0);
	plan_drop(&watchstate->plan);
	node_drop(&watchstate->node);
	watchstate->monitors = NULL;
	watchstate->count = 0;
}
