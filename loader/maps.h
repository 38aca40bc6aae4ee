// SPDX-License-Identifier: Apache-2.0
// The maps of one member across generations: which keep their contents, which are made fresh, and the admin's values
// that go into them before the first packet.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/meaning.h"
#include "loader/member.h"
#include "loader/object.h"
#include "loader/values.h"

enum map_fate {
	MAP_FRESH,    // not there before
	MAP_KEPT,     // same name, type, sizes and flags: counts on
	MAP_REFILLED, // made anew with the values of node.json; of a config map always, so that what the admin took out is gone
	MAP_LOST,     // there before, but its definition changed: its contents are lost
};
const char *map_fate_name(enum map_fate fate); // "new", "kept", "from node.json", "data lost"

#define MAPS_NAME_MAX 64
#define MAPS_PIN_MAX  96
struct map_report {
	char name[MAPS_NAME_MAX]; // of a section of variables ".data", ".bss"
	char pin[MAPS_PIN_MAX];	  // by which it is pinned
	enum map_fate fate;
	uint32_t id;	// the kernel's number of it; 0: it is not made
	bool shared;	// with the other programs of its bundle on this interface
	size_t entries; // values of node.json
};
struct maps_report {
	struct map_report *maps;
	size_t count;
};
void maps_report_drop(struct maps_report *report);
// Whether this map keeps what is in it. `report` is a struct maps_report (edits_source.wants).
bool maps_report_kept(const void *report, const char *map);

// What decides the fate of maps: where those that may be kept are pinned. Borrowed for each call.
struct maps_places {
	const char *old_dir;	// those of the member before; NULL: nothing was there
	const char *shared_dir; // loader/shared.h; NULL: there is no interface
	const struct json *
		recorded; // the member before: whose maps those are (loader/mapid.h); NULL: not known
	bool apart;	  // nothing of old_dir is taken over (member_stands_apart)
	const struct json *named; // the maps that node.json names, with values or without
	uint32_t card; // index of the interface on whose card they shall be; 0: in the host
};

// After object_open, before object_load: decides each map's fate and makes the object use those that are kept. With `dry`
// nothing is changed: what `plan` shows.
int maps_settle(struct object *object, const struct meaning *meaning, const struct values *values,
		const struct maps_places *places, bool dry, struct maps_report *report,
		struct fault *why) MUST_CHECK;
// Before object_load: the admin's values of constants.
int maps_preset(const struct meaning *meaning, const struct values *values, struct fault *why)
	MUST_CHECK;

// After object_load: which maps the kernel has made of them.
int maps_number(const struct meaning *meaning, struct maps_report *report, struct fault *why)
	MUST_CHECK;
// And pins the maps below `dir`, which is made, and those that are shared once more.
int maps_pin(const struct meaning *meaning, const struct maps_places *places, const char *dir,
	     struct fault *why) MUST_CHECK;

// Writes the admin's values into maps that are new.
int maps_fill(const struct meaning *meaning, const struct values *values,
	      const struct maps_report *report, struct fault *why) MUST_CHECK;
// And what of them has changed since the member was recorded into those that are kept, pinned below `dir`: the running
// generation has them too, so this comes last of all.
int maps_update(const struct meaning *meaning, const struct values *values,
		const struct maps_report *report, const struct member *member, const char *dir,
		struct fault *why) MUST_CHECK;
