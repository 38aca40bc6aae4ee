// SPDX-License-Identifier: Apache-2.0
#include "loader/scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/applied.h"
#include "loader/record.h"
#include "loader/roster.h"
#include "loader/scan.h"

void scene_init(struct scene *scene, const struct scene_places *places, size_t room)
{
	*scene = (struct scene){.places = *places, .room = room};
	scene->nothing.policy = policy_default();
}

static struct stamp config_stamp(const struct scene *scene)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/node.json", scene->places.config_path);
	return stamp_of(AT_FDCWD, path);
}

// An apply, an unload or an editor was at work.
bool scene_is_stale(const struct scene *scene)
{
	const struct stamp config = config_stamp(scene);
	const struct stamp record = stamp_of(scene->places.loader_dirfd, RECORD_ACTIVE);
	const struct stamp next = stamp_of(scene->places.loader_dirfd, RECORD_NEXT);
	const struct stamp noted = stamp_of(scene->places.loader_dirfd, APPLIED_FILE);

	return !scene->plan || !stamp_is(&config, &scene->config) ||
	       !stamp_is(&record, &scene->record) || !stamp_is(&next, &scene->next) ||
	       !stamp_is(&noted, &scene->noted);
}

static struct plan_places plan_places(const struct scene *scene, const struct node *node)
{
	return (struct plan_places){.node = node ? node : &scene->nothing,
				    .tree = scene->places.tree,
				    .loader_dirfd = scene->places.loader_dirfd};
}

static bool is_among(const struct monitor *monitor, struct monitor *const *monitors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (monitors[i] == monitor)
			return true;
	return false;
}

// Gives back those monitors that are not among these others.
static void monitors_free(struct scene *scene, struct monitor **monitors, size_t count,
			  struct monitor **others, size_t other_count)
{
	for (size_t i = 0; monitors && i < count; i++)
		if (!is_among(monitors[i], others, other_count))
			monitor_free(monitors[i], scene->places.wakeup, &scene->room);
	free(monitors);
}

// The monitor that a chain had before, or a new one.
static struct monitor *monitor_for(struct scene *scene, const struct plan_chain *chain,
				   struct fault *why)
{
	for (size_t i = 0; i < scene->count; i++)
		if (monitor_is_of(scene->monitors[i], chain))
			return scene->monitors[i];
	return monitor_new(scene->places.tree, chain, scene->next_tag++, why);
}

static int arrange(struct scene *scene, const struct plan *plan, struct fault *why)
{
	struct monitor **monitors = calloc(plan->count + 1, sizeof(struct monitor *));

	if (!monitors)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < plan->count; i++) {
		monitors[i] = monitor_for(scene, &plan->chains[i], why);
		if (!monitors[i]) {
			monitors_free(scene, monitors, i, scene->monitors, scene->count);
			return -1;
		}
	}
	monitors_free(scene, scene->monitors, scene->count, monitors, plan->count);
	scene->monitors = monitors;
	scene->count = plan->count;
	return 0;
}

// node.json as it is now; where it is refused, as it was: that tells still what is where.
static bool load_node(struct scene *scene, struct node **out, struct fault *refused)
{
	const struct stamp config = config_stamp(scene);

	if (scene->plan && stamp_is(&config, &scene->config))
		return false;
	scene->config = config;
	scene->node_fits = node_load(scene->places.root, NULL, out, refused) == 0;
	return scene->node_fits;
}

// What node.json asks for and is not there. Told, and left to an apply. Only here: an allow-list has thousands of values.
static int drift_of(struct scene *scene, size_t index, struct fault *why)
{
	const struct plan_chain *chain = &scene->plan->chains[index];
	struct findings *drift = &scene->monitors[index]->drift;

	findings_drop(drift);
	if (!scene->node_fits)
		return 0;
	if (findings_drift(drift, scene->monitors[index]->iface, chain->hook, chain->interface,
			   &chain->truth, chain->record, why))
		return -1;
	for (size_t i = 0; i < drift->count; i++)
		drift->list[i].weight = FINDING_BEYOND;
	return 0;
}

// What is read now takes the place of what was read before.
static void scene_take(struct scene *scene, struct plan **plan, struct node **node)
{
	// The old plan borrows from the old node.
	plan_drop(&scene->plan);
	scene->plan = HAND_OVER(*plan);
	if (!*node)
		return;
	node_free(scene->node);
	scene->node = HAND_OVER(*node);
}

int scene_read(struct scene *scene, struct fault *refused, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(node_drop) struct node *node = NULL;
	bool fresh = load_node(scene, &node, refused);
	const struct plan_places places = plan_places(scene, fresh ? node : scene->node);

	scene->record = stamp_of(scene->places.loader_dirfd, RECORD_ACTIVE);
	scene->next = stamp_of(scene->places.loader_dirfd, RECORD_NEXT);
	scene->noted = stamp_of(scene->places.loader_dirfd, APPLIED_FILE);
	if (scan_all(&places, &plan, why) || arrange(scene, plan, why)) {
		scene->record = scene->config = (struct stamp){0}; // stale still
		return -1;
	}
	scene_take(scene, &plan, &node);
	scene->applied = scene->node_fits && applied_is(scene->places.loader_dirfd, scene->node);
	for (size_t i = 0; i < scene->count; i++) {
		scene->monitors[i]->suspect = true;
		if (drift_of(scene, i, why))
			return -1;
	}
	return 0;
}

bool scene_differs(const struct scene *scene)
{
	const struct plan_places places = plan_places(scene, scene->node);
	OWNED(roster_drop) struct roster roster = {0};
	struct fault ignored = {0};

	if (!scene->plan || roster_make(places.node, places.tree, &roster, &ignored) ||
	    roster.count != scene->plan->count)
		return true;
	for (size_t i = 0; i < roster.count; i++) {
		const struct roster_line *line = &roster.lines[i];
		const struct plan_chain *chain = &scene->plan->chains[i];

		if (line->hook != chain->hook || strcmp(line->iface, chain->iface) != 0 ||
		    strcmp(line->was, chain->was) != 0)
			return true;
	}
	return false;
}

// A chain that cannot be read is a finding by itself.
int scene_see(struct scene *scene, size_t index, struct fault *why)
{
	const struct plan_places places = plan_places(scene, scene->node);
	struct plan_chain *chain = &scene->plan->chains[index];
	char text[FAULT_TEXT_MAX / 2];

	if (!scan_chain(chain, &places, &scene->tags, why))
		return 0;
	snprintf(text, sizeof(text), "%.120s%s%.80s", why->text, why->cause[0] ? ": " : "",
		 why->cause);
	fault_clear(why);
	findings_drop(&chain->damage);
	return findings_add(&chain->damage, chain->iface, chain->hook, 0, why, "unreadable", "%s",
			    text);
}

void scene_drop(struct scene *scene)
{
	monitors_free(scene, scene->monitors, scene->count, NULL, 0);
	plan_drop(&scene->plan);
	node_drop(&scene->node);
	scene->monitors = NULL;
	scene->count = 0;
}
