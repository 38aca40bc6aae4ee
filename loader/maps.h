// SPDX-License-Identifier: Apache-2.0
// The maps of one member across generations: which keep their contents, which are made fresh, and the admin's values
// that go into them before the first packet.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/member.h"
#include "loader/object.h"

enum map_fate {
	MAP_FRESH, // not there before
	MAP_KEPT,  // same name, type, sizes and flags: counts on
	MAP_REFILLED, // the admin's own values: made anew from node.json, so that what he took out is gone
	MAP_LOST, // there before, but its definition changed: its contents are lost
};
const char *map_fate_name(enum map_fate fate); // "new", "kept", "from node.json", "data lost"

#define MAPS_NAME_MAX 64
struct map_report {
	char name[MAPS_NAME_MAX];
	enum map_fate fate;
	size_t entries; // values of node.json
};
struct maps_report {
	struct map_report *maps;
	size_t count;
};
void maps_report_drop(struct maps_report *report);

// After object_open, before object_load: decides each map's fate against the pins in `old_dir` (NULL: nothing was
// there) and makes the object use those that are kept. With `dry` nothing is changed: what `plan` shows.
int maps_settle(struct object *object, const struct member *member, const char *old_dir, bool dry,
		struct maps_report *report, struct fault *why) MUST_CHECK;

// After object_load: pins the maps below `dir`, which is made.
int maps_pin(const struct object *object, const char *dir, struct fault *why) MUST_CHECK;

// Writes the admin's values; `kept_only` picks those maps that the running generation shares, which come last of all.
// FAULT_CONFIG where a value does not fit its map.
int maps_fill(const struct object *object, const struct member *member,
	      const struct maps_report *report, bool kept_only, struct fault *why) MUST_CHECK;
