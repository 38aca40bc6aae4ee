// SPDX-License-Identifier: Apache-2.0
#include "loader/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/truth.h"

// One interface that is there, and what the file says of it.
struct present {
	const struct iface *iface;
	const struct node_interface *interface; // NULL: nothing
	const char *was; // of a pin that follows a rename; NULL: its own name
};

// One name in the tree.
struct pinned {
	char name[64];
	struct present *on; // the interface on which its chains stand; NULL: on none that is here
	bool gone;	    // along with that, under its new name
	bool told;
};

struct census {
	const struct node *node;
	const char *tree;
	struct iface *ifaces;
	struct present *present; // as many, in the same order
	size_t iface_count;
	struct pinned *pinned; // by name
	size_t pinned_count;
	struct roster *out;
	size_t room;
};

static void census_drop(struct census *census)
{
	free(census->ifaces);
	free(census->present);
	free(census->pinned);
}

void roster_drop(struct roster *roster)
{
	free(roster->lines);
	*roster = (struct roster){0};
}

static int by_name(const void *a, const void *b)
{
	const struct pinned *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct pinned *pinned_find(const struct census *census, const char *name)
{
	struct pinned key = {0};

	snprintf(key.name, sizeof(key.name), "%s", name);
	return census->pinned_count
		       ? bsearch(&key, census->pinned, census->pinned_count, sizeof(key), by_name)
		       : NULL;
}

static struct present *present_find(const struct census *census, const char *name)
{
	const struct iface *iface = iface_in(census->ifaces, census->iface_count, name);

	return iface ? &census->present[iface - census->ifaces] : NULL;
}

static struct present *present_at(const struct census *census, uint32_t index)
{
	for (size_t i = 0; i < census->iface_count; i++)
		if (census->ifaces[i].index == index)
			return &census->present[i];
	return NULL;
}

// ---- what there is ----

static int take_ifaces(struct census *census, struct fault *why)
{
	if (iface_list(&census->ifaces, &census->iface_count, why))
		return -1;
	census->present = calloc(census->iface_count + 1, sizeof(*census->present));
	if (!census->present)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < census->iface_count; i++) {
		const char *name = census->ifaces[i].name;

		census->present[i].iface = &census->ifaces[i];
		// The kernel allows names with bytes that node.json does not: no pattern matches these.
		if (node_is_interface_name(name))
			census->present[i].interface = node_interface(census->node, name);
	}
	return 0;
}

static int take_pinned(struct census *census, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (dir_open(census->tree, &fd, why) || names_list(fd, &names, why))
		return -1;
	census->pinned = calloc(names.count + 1, sizeof(*census->pinned));
	for (size_t i = 0; census->pinned && i < names.count; i++)
		bpffs_name_read(names.name[i], census->pinned[i].name,
				sizeof(census->pinned[i].name));
	if (!census->pinned)
		return fault_set(why, FAULT_OTHER, "out of memory");
	census->pinned_count = names.count;
	// Turned back from the tree's spelling they may stand in another order.
	qsort(census->pinned, names.count, sizeof(*census->pinned), by_name);
	return 0;
}

// ---- names that have changed ----

// By the index that was noted when it was attached. Under another name only where the kernel shows it there.
static int find_on(const struct census *census, struct pinned *pinned, struct fault *why)
{
	struct present *same = present_find(census, pinned->name);

	for (int hook = 0; hook < HOOK_COUNT && !pinned->on; hook++) {
		char place[BPFFS_PATH_MAX];
		struct present *now;
		struct truth truth;

		if (bpffs_place(census->tree, pinned->name, (enum hook)hook, place, why))
			return -1;
		now = present_at(census, bpffs_noted(place, "ifindex"));
		if (!now)
			continue;
		if (now == same) {
			pinned->on = same;
			return 0;
		}
		if (truth_read_at(place, now->iface->name, (enum hook)hook, &truth, why))
			return -1;
		if (truth.attached)
			pinned->on = now;
	}
	return 0;
}

// A chain goes along with its interface where the file wants one under the new name. What is pinned under that name and
// stands somewhere else, or nowhere, makes room.
static int follow_renames(struct census *census, struct fault *why)
{
	for (size_t i = 0; i < census->pinned_count; i++)
		if (find_on(census, &census->pinned[i], why))
			return -1;
	for (size_t i = 0; i < census->pinned_count; i++) {
		struct pinned *pinned = &census->pinned[i];
		struct present *on = pinned->on;
		const struct pinned *there = on ? pinned_find(census, on->iface->name) : NULL;

		if (!on || !on->interface || on->was || there == pinned ||
		    (there && there->on == on))
			continue;
		on->was = pinned->name;
		pinned->gone = pinned->told = true;
	}
	return 0;
}

// ---- the lines ----

static int roster_add(struct census *census, const struct roster_line *line, struct fault *why)
{
	struct roster *out = census->out;

	if (out->count == census->room) {
		size_t room = census->room ? 2 * census->room : 64;
		struct roster_line *grown = reallocarray(out->lines, room, sizeof(*grown));

		if (!grown)
			return fault_set(why, FAULT_OTHER, "out of memory");
		out->lines = grown;
		census->room = room;
	}
	out->lines[out->count++] = *line;
	return 0;
}

// The hooks of one interface that node.json fills, or that have pins of ours.
static int add_interface(struct census *census, const char *iface, const char *was,
			 const struct node_interface *interface, struct fault *why)
{
	struct pinned *pinned = pinned_find(census, iface);
	struct roster_line line = {.interface = interface};
	bool gone = pinned && pinned->gone && !was;

	snprintf(line.iface, sizeof(line.iface), "%s", iface);
	snprintf(line.was, sizeof(line.was), "%s", was ? was : gone ? "" : iface);
	if (pinned)
		pinned->told = true;
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		char place[BPFFS_PATH_MAX];

		line.hook = (enum hook)hook;
		if (bpffs_place(census->tree, was ? was : iface, line.hook, place, why))
			return -1;
		if ((interface && interface->chain_count[hook]) ||
		    ((pinned || was) && !gone && access(place, F_OK) == 0))
			if (roster_add(census, &line, why))
				return -1;
	}
	return 0;
}

static int add_pattern(struct census *census, const struct node_interface *interface,
		       struct fault *why)
{
	for (size_t i = 0; i < census->iface_count; i++) {
		const struct present *at = &census->present[i];

		if (at->interface == interface &&
		    add_interface(census, at->iface->name, at->was, interface, why))
			return -1;
	}
	return 0;
}

static int add_all(struct census *census, struct fault *why)
{
	for (size_t i = 0; i < census->node->interface_count; i++) {
		const struct node_interface *interface = &census->node->interfaces[i];
		const struct present *at = present_find(census, interface->name);

		if (interface->is_pattern ? add_pattern(census, interface, why)
					  : add_interface(census, interface->name,
							  at ? at->was : NULL, interface, why))
			return -1;
	}
	for (size_t i = 0; i < census->pinned_count; i++)
		if (!census->pinned[i].told &&
		    add_interface(census, census->pinned[i].name, NULL, NULL, why))
			return -1;
	return 0;
}

int roster_make(const struct node *node, const char *tree, struct roster *out, struct fault *why)
{
	OWNED(census_drop)
	struct census census = {.node = node, .tree = tree, .out = out};

	*out = (struct roster){0};
	return take_ifaces(&census, why) || take_pinned(&census, why) ||
			       follow_renames(&census, why) || add_all(&census, why)
		       ? -1
		       : 0;
}
