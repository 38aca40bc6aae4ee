// SPDX-License-Identifier: Apache-2.0
// The maps of one member from one generation to the next: which of them keep their contents and which are created anew, and the
// values of node.json, which are written before the first packet.
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
	MAP_FRESH, // did not exist before
	MAP_KEPT,  // same name, type, sizes and flags: keeps its contents
	MAP_REFILLED, // created anew with values of node.json; a config map always, so that removed values are gone
	MAP_LOST, // existed, but its definition changed: its contents are lost
};
// "new", "kept", "from node.json", "data lost"
const char *map_fate_name(enum map_fate fate);

#define MAPS_NAME_MAX 64
#define MAPS_PIN_MAX  96
struct map_report {
	char name[MAPS_NAME_MAX]; // of a section of variables ".data", ".bss"
	char pin[MAPS_PIN_MAX];	  // file name of its pin
	enum map_fate fate;
	uint32_t id;	// the kernel's id; 0: not created yet
	bool shared;	// with the other programs of its bundle on this interface
	size_t entries; // number of values in node.json
};
struct maps_report {
	struct map_report *maps;
	size_t count;
};
void maps_report_drop(struct maps_report *report);

// Where the maps are pinned that may be kept, and what else decides their fate. Borrowed for each call.
struct maps_places {
	const char *old_dir; // of the previous member's maps; NULL: there was none
	// Of shared maps (loader/shared.h); NULL: a probe, which has no interface.
	const char *shared_dir;
	// The previous member, whose maps these are (loader/mapid.h); NULL: not known.
	const struct json *recorded;
	bool apart;		  // nothing of old_dir is kept (member_stands_apart)
	const struct json *named; // the maps that node.json names, with values or without
	uint32_t card;		  // index of the interface to offload them to; 0: not offloaded
};

// After object_open, before object_load: decides the fate of each map and makes the object use those that are kept.
// With `dry` the object is not changed (`plan`). `report` is the caller's (maps_report_drop).
int maps_settle(struct object *object, const struct meaning *meaning, const struct values *values,
		const struct maps_places *places, bool dry, struct maps_report *report,
		struct fault *why) MUST_CHECK;
// Before object_load: sets the constants of node.json. FAULT_CONFIG for a value that does not fit.
int maps_preset(const struct meaning *meaning, const struct values *values, struct fault *why)
	MUST_CHECK;

// After object_load: fills in the ids of the maps.
int maps_number(const struct meaning *meaning, struct maps_report *report, struct fault *why)
	MUST_CHECK;
// After object_load: pins the maps below `dir`, which is created, and the shared ones also below shared_dir.
int maps_pin(const struct meaning *meaning, const struct maps_places *places, const char *dir,
	     struct fault *why) MUST_CHECK;

// Writes the values of node.json to the maps that were created.
int maps_fill(const struct meaning *meaning, const struct values *values,
	      const struct maps_report *report, struct fault *why) MUST_CHECK;
// Writes the values that changed since the member was recorded to the maps that are kept, pinned below `dir`. The
// running generation uses these maps too, so this is the last step of all.
int maps_update(const struct meaning *meaning, const struct values *values,
		const struct maps_report *report, const struct member *member, const char *dir,
		struct fault *why) MUST_CHECK;
