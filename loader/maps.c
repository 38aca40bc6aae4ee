// SPDX-License-Identifier: Apache-2.0
#include "loader/maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/maptype.h"
#include "loader/bpffs.h"
#include "loader/cell.h"
#include "loader/edit.h"
#include "loader/mapid.h"
#include "loader/section.h"
#include "loader/shared.h"
#include "loader/sys.h"

const char *map_fate_name(enum map_fate fate)
{
	static const char *const names[] = {
		[MAP_FRESH] = "new",
		[MAP_KEPT] = "kept",
		[MAP_REFILLED] = "from node.json",
		[MAP_LOST] = "data lost",
	};

	return names[fate];
}

void maps_report_drop(struct maps_report *report)
{
	free(report->maps);
	*report = (struct maps_report){0};
}

static const struct map_report *report_of(const struct maps_report *report, const char *map)
{
	for (size_t i = 0; i < report->count; i++)
		if (!strcmp(report->maps[i].name, map))
			return &report->maps[i];
	return NULL;
}

static bool is_kept(const void *report, const char *map)
{
	const struct map_report *found = report_of(report, map);

	return found && found->fate == MAP_KEPT;
}

static int report_add(struct maps_report *report, const char *name, const struct map_report *row,
		      struct fault *why)
{
	struct map_report *grown =
		reallocarray(report->maps, report->count + 1, sizeof(*report->maps));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	report->maps = grown;
	grown += report->count++;
	*grown = *row;
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	if (!grown->pin[0])
		snprintf(grown->pin, sizeof(grown->pin), "%s", name);
	return 0;
}

// ---- fates ----

// The kernel sets the one left out by itself, on maps of devices.
#define FLAGS_KEPT (~(uint32_t)BPF_F_RDONLY_PROG)

static struct bpf_map_info definition_of(const struct bpf_map *map)
{
	return (struct bpf_map_info){.type = (uint32_t)bpf_map__type(map),
				     .key_size = bpf_map__key_size(map),
				     .value_size = bpf_map__value_size(map),
				     .max_entries = bpf_map__max_entries(map),
				     .map_flags = bpf_map__map_flags(map) & FLAGS_KEPT,
				     .map_extra = bpf_map__map_extra(map)};
}

static bool same_definition(const struct bpf_map_info *a, const struct bpf_map_info *b)
{
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->max_entries == b->max_entries && a->map_extra == b->map_extra &&
	       (a->map_flags & FLAGS_KEPT) == (b->map_flags & FLAGS_KEPT);
}

// One map on its way through maps_settle.
struct settling {
	const struct maps_places *places;
	const struct bpf_map *map;
	struct map_report row;
	int kept;	  // owned
	uint32_t foreign; // what was pinned in its place and is another map; 0: none
	struct fault *why;
};

static void settling_drop(struct settling *settling)
{
	drop_fd(&settling->kept);
}

// What was there under this name. What the program did not work with is not its data, whatever its shape: that is lost, as
// it is where nothing is there any more.
static int get_old(struct settling *settling, const char *name, int *out)
{
	uint32_t id = mapid_recorded(settling->places->recorded, name);
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info pinned;

	*out = -1;
	if (!settling->places->old_dir)
		return 0;
	if (bpffs_get(settling->places->old_dir, name, &fd, settling->why)) {
		settling->row.fate = id ? MAP_LOST : settling->row.fate;
		return fault_forgive(settling->why, FAULT_NOT_FOUND);
	}
	if (sys_map(fd, &pinned, settling->why))
		return -1;
	if (id && pinned.id != id) {
		settling->row.fate = MAP_LOST;
		settling->foreign = pinned.id;
		return 0;
	}
	*out = HAND_OVER_FD(fd);
	return 0;
}

// What was there under this name: kept if it is the same. One that was shared and is not any more would tie this program
// to those that it no longer belongs to.
static int settle_old(struct settling *settling, const struct bpf_map_info *definition)
{
	const char *name = bpf_map__name(settling->map);
	const char *shared_dir = settling->places->shared_dir;
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info pinned;
	bool was_shared = false;

	if (get_old(settling, name, &fd))
		return -1;
	if (fd < 0)
		return 0;
	if (sys_map(fd, &pinned, settling->why))
		return -1;
	if (!settling->row.shared && shared_dir &&
	    shared_has(shared_dir, pinned.id, &was_shared, settling->why))
		return -1;
	settling->row.fate = MAP_LOST;
	if (was_shared || settling->places->apart || pinned.ifindex != settling->places->card ||
	    !same_definition(definition, &pinned))
		return 0;
	settling->row.fate = MAP_KEPT;
	settling->kept = HAND_OVER_FD(fd);
	return 0;
}

static int settle_shared(struct settling *settling, const struct bpf_map_info *definition)
{
	const char *dir = settling->places->shared_dir;
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info found = {0};
	bool other = false;

	if (dir && (shared_get(dir, bpf_map__name(settling->map), definition, &fd, &other,
			       settling->why) ||
		    (fd >= 0 && sys_map(fd, &found, settling->why))))
		return -1;
	if (settle_old(settling, definition))
		return -1;
	// Where the same map that is not ours stands under both names, neither is.
	if (fd >= 0 && (!settling->foreign || found.id != settling->foreign)) {
		drop_fd(&settling->kept);
		settling->kept = HAND_OVER_FD(fd);
		settling->row.fate = MAP_KEPT;
		return 0;
	}
	if (other && settling->row.fate == MAP_FRESH)
		settling->row.fate = MAP_LOST;
	return 0;
}

static int settle_map(struct settling *settling, const struct meaning_map *meant, bool named)
{
	const struct bpf_map_info definition = definition_of(settling->map);

	if (!map_type_is_data(definition.type))
		return 0;
	settling->row.shared = meant->shared;
	if (meant->shared)
		return settle_shared(settling, &definition);
	if (meaning_is_admins(meant, named)) {
		settling->row.fate = MAP_REFILLED;
		return 0;
	}
	return settle_old(settling, &definition);
}

// Whether there is a section of this name with another definition.
static int has_other_section(const struct settling *settling, const char *section, bool *out)
{
	const char *dir = settling->places->old_dir;
	OWNED(drop_fd) int fd = -1;
	size_t len = strlen(section);
	OWNED(names_drop) struct names names = {0};
	char plain[SECTION_PIN_MAX];

	*out = false;
	if (!dir)
		return 0;
	if (bpffs_open_dir(dir, &fd, settling->why)) {
		if (settling->why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(settling->why);
		return 0;
	}
	if (names_list(fd, &names, settling->why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		bpffs_name_read(names.name[i], plain, sizeof(plain));
		*out |= !strncmp(plain, section, len) && plain[len] == ':';
	}
	return 0;
}

static int settle_section(struct settling *settling, const struct meaning *meaning)
{
	const char *section = meaning_section(settling->map);
	char *pin = settling->row.pin;
	bool other;

	if (section_pin(meaning->object, settling->map, pin, settling->why) ||
	    get_old(settling, pin, &settling->kept))
		return -1;
	if (settling->kept >= 0) {
		settling->row.fate = settling->places->apart ? MAP_LOST : MAP_KEPT;
		if (settling->places->apart)
			drop_fd(&settling->kept);
		return 0;
	}
	if (has_other_section(settling, section, &other))
		return -1;
	if (other)
		settling->row.fate = MAP_LOST;
	return 0;
}

// A section of constants is the code's own, and arrays of programs are the chain's plumbing: always new, nobody's data.
static bool is_reported(const struct bpf_map *map, const char *section)
{
	if (meaning_is_section(map))
		return section && section_is_kept(section);
	return map_type_is_data((uint32_t)bpf_map__type(map));
}

_Static_assert(MAPS_PIN_MAX >= SECTION_PIN_MAX, "a section's pin fits a report");

int maps_settle(struct object *object, const struct meaning *meaning, const struct values *values,
		const struct maps_places *places, bool dry, struct maps_report *report,
		struct fault *why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(object))
	{
		OWNED(settling_drop)
		struct settling settling = {.places = places, .map = map, .kept = -1, .why = why};
		const struct meaning_map meant = meaning_of(meaning, map);
		const char *section = meaning_section(map);
		const char *name = section ? section : meant.name;
		const struct value *first;

		if (!is_reported(map, section))
			continue;
		settling.row.entries = values_of(values, name, &first);
		if (section ? settle_section(&settling, meaning)
			    : settle_map(&settling, &meant,
					 json_member(places->named, name) != NULL))
			return -1;
		// Made for the first time, and not empty: what the file says of it is in it.
		if (!section && settling.row.fate == MAP_FRESH && settling.row.entries)
			settling.row.fate = MAP_REFILLED;
		if (report_add(report, name, &settling.row, why))
			return -1;
		if (settling.kept >= 0 && !dry &&
		    object_use_map(object, map, HAND_OVER_FD(settling.kept), why))
			return -1;
	}
	return 0;
}

int maps_preset(const struct meaning *meaning, const struct values *values, struct fault *why)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(meaning->object))
	{
		const char *section = meaning_section(map);

		if (section && !section_is_kept(section) && section_preset(map, values, why))
			return -1;
	}
	return 0;
}

int maps_number(const struct meaning *meaning, struct maps_report *report, struct fault *why)
{
	const struct bpf_map *map;
	size_t at = 0;

	// In the order of maps_settle, which has told of the same ones.
	bpf_object__for_each_map(map, object_bpf(meaning->object))
	{
		struct bpf_map_info info;

		if (!is_reported(map, meaning_section(map)))
			continue;
		if (at == report->count)
			return fault_set(why, FAULT_OTHER, "an object has more maps than before");
		if (sys_map(object_map_fd(meaning->object, map), &info, why))
			return -1;
		report->maps[at++].id = info.id;
	}
	return 0;
}

// ---- pins ----

static int pin_map(const struct meaning *meaning, const struct bpf_map *map,
		   const struct maps_places *places, const char *dir, struct fault *why)
{
	const struct meaning_map meant = meaning_of(meaning, map);
	int fd = object_map_fd(meaning->object, map);
	struct bpf_map_info info;

	if (bpffs_put(fd, dir, meant.name, why))
		return -1;
	if (!meant.shared || !places->shared_dir)
		return 0;
	if (sys_map(fd, &info, why))
		return -1;
	info.map_flags &= FLAGS_KEPT;
	return shared_put(places->shared_dir, meant.name, &info, fd, why);
}

int maps_pin(const struct meaning *meaning, const struct maps_places *places, const char *dir,
	     struct fault *why)
{
	const struct bpf_map *map;

	if (bpffs_make_dir(dir, why))
		return -1;
	bpf_object__for_each_map(map, object_bpf(meaning->object))
	{
		const char *section = meaning_section(map);
		char name[SECTION_PIN_MAX];

		if (meaning_is_section(map) && !section)
			continue;
		if (section ? section_pin(meaning->object, map, name, why) ||
				      bpffs_put(object_map_fd(meaning->object, map), dir, name, why)
			    : pin_map(meaning, map, places, dir, why))
			return -1;
	}
	return 0;
}

// ---- values ----

static int fill_map(const struct meaning *meaning, const char *name, const struct value *first,
		    size_t count, struct fault *why)
{
	OWNED(cell_drop) struct cell cell = {.fd = -1};
	struct meaning_map map;

	if (meaning_map(meaning, name, &map, why) ||
	    cell_make(object_map_fd(meaning->object, map.map), &cell, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		cell_set_key(&cell, first[i].key);
		cell_set_value(&cell, first[i].data);
		if (cell_write(&cell, why))
			return fault_within(why, "entry %zu of map %s cannot be written",
					    first[i].index, name);
	}
	return 0;
}

// Variables of a section that is new: no program runs on it yet.
static int fill_section(const struct meaning *meaning, const struct value *first, size_t count,
			struct fault *why)
{
	for (size_t i = 0; i < count; i++) {
		struct meaning_variable at;

		if (meaning_variable(meaning, first[i].variable, &at, why) ||
		    cell_poke(object_map_fd(meaning->object, at.map), first[i].offset,
			      first[i].data, first[i].len, why))
			return fault_within(why, "global %s cannot be written", first[i].variable);
	}
	return 0;
}

int maps_fill(const struct meaning *meaning, const struct values *values,
	      const struct maps_report *report, struct fault *why)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct map_report *map = &report->maps[i];
		const struct value *first;
		size_t count = values_of(values, map->name, &first);

		if (!count || map->fate == MAP_KEPT)
			continue;
		if (first->variable ? fill_section(meaning, first, count, why)
				    : fill_map(meaning, map->name, first, count, why))
			return -1;
	}
	return 0;
}

int maps_update(const struct meaning *meaning, const struct values *values,
		const struct maps_report *report, const struct member *member, const char *dir,
		struct fault *why)
{
	const struct edits_source source = {.meaning = meaning,
					    .values = values,
					    .recorded = member->recorded,
					    .lent = member->lent,
					    .dir = dir,
					    .wants = is_kept,
					    .ctx = report};
	OWNED(edits_drop) struct edits edits = {0};
	bool rebuild;

	// What can only be set before a load has just been set.
	return edits_find(&source, &edits, &rebuild, why) || edits_write(&edits, why) ? -1 : 0;
}
