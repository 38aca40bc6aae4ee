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

void watchstate_init(struct watchstate *state, const struct watchstate_places *places, size_t room)
{
	*state = (struct watchstate){.places = *places, .room = room};
	state->nothing.policy = policy_default();
}

static struct stamp config_stamp(const struct watchstate *state)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/node.json", state->places.config_path);
	return stamp_of(AT_FDCWD, path);
}

// An apply, an unload or an editor was at work.
bool watchstate_is_stale(const struct watchstate *state)
{
	const struct stamp config = config_stamp(state);
	const struct stamp record = stamp_of(state->places.loader_dirfd, RECORD_ACTIVE);
	const struct stamp next = stamp_of(state->places.loader_dirfd, RECORD_NEXT);
	const struct stamp noted = stamp_of(state->places.loader_dirfd, APPLIED_FILE);

	return !state->plan || !stamp_is(&config, &state->config) ||
	       !stamp_is(&record, &state->record) || !stamp_is(&next, &state->next) ||
	       !stamp_is(&noted, &state->noted);
}

static struct plan_places plan_places(const struct watchstate *state, const struct node *node)
{
	return (struct plan_places){.node = node ? node : &state->nothing,
				    .tree = state->places.tree,
				    .loader_dirfd = state->places.loader_dirfd};
}

static bool is_among(const struct monitor *monitor, struct monitor *const *monitors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (monitors[i] == monitor)
			return true;
	return false;
}

// Gives back those monitors that are not among these others.
static void monitors_free(struct watchstate *state, struct monitor **monitors, size_t count,
			  struct monitor **others, size_t other_count)
{
	for (size_t i = 0; monitors && i < count; i++)
		if (!is_among(monitors[i], others, other_count))
			monitor_free(monitors[i], state->places.wakeup, &state->room);
	free(monitors);
}

// The monitor that a chain had before, or a new one.
static struct monitor *monitor_for(struct watchstate *state, const struct plan_chain *chain,
				   struct fault *why)
{
	for (size_t i = 0; i < state->count; i++)
		if (monitor_is_of(state->monitors[i], chain))
			return state->monitors[i];
	return monitor_new(state->places.tree, chain, state->next_tag++, why);
}

static int arrange(struct watchstate *state, const struct plan *plan, struct fault *why)
{
	struct monitor **monitors = calloc(plan->count + 1, sizeof(struct monitor *));

	if (!monitors)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < plan->count; i++) {
		monitors[i] = monitor_for(state, &plan->chains[i], why);
		if (!monitors[i]) {
			monitors_free(state, monitors, i, state->monitors, state->count);
			return -1;
		}
	}
	monitors_free(state, state->monitors, state->count, monitors, plan->count);
	state->monitors = monitors;
	state->count = plan->count;
	return 0;
}

// node.json as it is now; where it is refused, as it was: that tells still what is where.
static bool load_node(struct watchstate *state, struct node **out, struct fault *refused)
{
	const struct stamp config = config_stamp(state);

	if (state->plan && stamp_is(&config, &state->config))
		return false;
	state->config = config;
	state->node_fits = node_load(state->places.root, NULL, out, refused) == 0;
	return state->node_fits;
}

// What node.json asks for and is not there. Told, and left to an apply. Only here: an allow-list has thousands of values.
static int drift_of(struct watchstate *state, size_t index, struct fault *why)
{
	const struct plan_chain *chain = &state->plan->chains[index];
	struct findings *drift = &state->monitors[index]->drift;

	findings_drop(drift);
	if (!state->node_fits)
		return 0;
	if (findings_drift(drift, state->monitors[index]->iface, chain->hook, chain->interface,
			   &chain->truth, chain->record, why))
		return -1;
	for (size_t i = 0; i < drift->count; i++)
		drift->list[i].weight = FINDING_BEYOND;
	return 0;
}

// What is read now takes the place of what was read before.
static void watchstate_take(struct watchstate *state, struct plan **plan, struct node **node)
{
	// The old plan borrows from the old node.
	plan_drop(&state->plan);
	state->plan = HAND_OVER(*plan);
	if (!*node)
		return;
	node_free(state->node);
	state->node = HAND_OVER(*node);
}

int watchstate_read(struct watchstate *state, struct fault *refused, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(node_drop) struct node *node = NULL;
	bool fresh = load_node(state, &node, refused);
	const struct plan_places places = plan_places(state, fresh ? node : state->node);

	state->record = stamp_of(state->places.loader_dirfd, RECORD_ACTIVE);
	state->next = stamp_of(state->places.loader_dirfd, RECORD_NEXT);
	state->noted = stamp_of(state->places.loader_dirfd, APPLIED_FILE);
	if (scan_all(&places, &plan, why) || arrange(state, plan, why)) {
		state->record = state->config = (struct stamp){0}; // stale still
		return -1;
	}
	watchstate_take(state, &plan, &node);
	state->applied = state->node_fits && applied_is(state->places.loader_dirfd, state->node);
	for (size_t i = 0; i < state->count; i++) {
		state->monitors[i]->suspect = true;
		if (drift_of(state, i, why))
			return -1;
	}
	return 0;
}

bool watchstate_differs(const struct watchstate *state)
{
	const struct plan_places places = plan_places(state, state->node);
	OWNED(roster_drop) struct roster roster = {0};
	struct fault ignored = {0};

	if (!state->plan || roster_make(places.node, places.tree, &roster, &ignored) ||
	    roster.count != state->plan->count)
		return true;
	for (size_t i = 0; i < roster.count; i++) {
		const struct roster_line *line = &roster.lines[i];
		const struct plan_chain *chain = &state->plan->chains[i];

		if (line->hook != chain->hook || strcmp(line->iface, chain->iface) != 0 ||
		    strcmp(line->was, chain->was) != 0)
			return true;
	}
	return false;
}

// A chain that cannot be read is a finding by itself.
int watchstate_see(struct watchstate *state, size_t index, struct fault *why)
{
	const struct plan_places places = plan_places(state, state->node);
	struct plan_chain *chain = &state->plan->chains[index];
	char text[FAULT_TEXT_MAX / 2];

	if (!scan_chain(chain, &places, &state->tags, why))
		return 0;
	snprintf(text, sizeof(text), "%.120s%s%.80s", why->text, why->cause[0] ? ": " : "",
		 why->cause);
	fault_clear(why);
	findings_drop(&chain->damage);
	return findings_add(&chain->damage, chain->iface, chain->hook, 0, why, "unreadable", "%s",
			    text);
}

void watchstate_drop(struct watchstate *state)
{
	monitors_free(state, state->monitors, state->count, NULL, 0);
	plan_drop(&state->plan);
	node_drop(&state->node);
	state->monitors = NULL;
	state->count = 0;
}
