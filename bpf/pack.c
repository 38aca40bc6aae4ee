// SPDX-License-Identifier: Apache-2.0
#include "bpf/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/globals.h"

// The objects of one build, each once, with what is in them.
struct packing {
	struct bundle_member members[MANIFEST_PROGRAMS_MAX];
	struct inspection *inspections[MANIFEST_PROGRAMS_MAX];
	size_t count;
};

static void drop_packing(struct packing *packing)
{
	for (size_t i = 0; i < packing->count; i++) {
		free(packing->members[i].name);
		bytes_drop(&packing->members[i].data);
		inspection_free(packing->inspections[i]);
	}
	packing->count = 0;
}

static bool has_member(const struct packing *packing, const char *name)
{
	for (size_t i = 0; i < packing->count; i++) {
		if (strcmp(packing->members[i].name, name) == 0)
			return true;
	}
	return false;
}

static int read_member(const char *dir, const char *name, struct packing *packing,
		       struct fault *why)
{
	struct bundle_member *member = &packing->members[packing->count];
	OWNED(bytes_drop) struct bytes path = {0};

	packing->count++;
	if (text_copy(name, &member->name, why) || bytes_format(&path, why, "%s/%s", dir, name))
		return -1;
	if (file_read(bytes_text(&path), INSPECT_OBJECT_MAX, &member->data, why)) {
		// A missing file of one's own is not a missing file of the repository.
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return fault_fix(why, "compile it first, or say where it is with --object-dir DIR");
	}
	if (inspect_object(member->data.data, member->data.len,
			   &packing->inspections[packing->count - 1], why))
		return fault_within(why, "object %s is refused", name);
	return 0;
}

static int read_members(const struct manifest *manifest, const char *dir, struct packing *packing,
			struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		const char *name = manifest->programs[i].object;

		if (!has_member(packing, name) && read_member(dir, name, packing, why))
			return -1;
	}
	return 0;
}

// ---- maps ----

// What the author wrote about a map: under its object, or without one.
static struct manifest_map *find_said(struct manifest *manifest, const char *object,
				      const char *name)
{
	for (size_t i = 0; i < manifest->map_count; i++) {
		struct manifest_map *map = &manifest->maps[i];

		if (strcmp(map->name, name) == 0 &&
		    (!*map->object || strcmp(map->object, object) == 0))
			return map;
	}
	return NULL;
}

static bool differs(const struct manifest_map *said, const struct inspect_map *map,
		    const char *type)
{
	return (*said->type && strcmp(said->type, type) != 0) ||
	       (*said->key && strcmp(said->key, map->key) != 0) ||
	       (*said->value && strcmp(said->value, map->value) != 0) ||
	       (said->key_size && said->key_size != map->key_size) ||
	       (said->value_size && said->value_size != map->value_size) ||
	       (said->max_entries && said->max_entries != map->max_entries);
}

static int fill_map(const struct manifest_map *said, const char *object,
		    const struct inspect_map *map, struct manifest_map *out, struct fault *why)
{
	const char *type = map_type_name(map->type);

	if (said && differs(said, map, type ? type : ""))
		return fault_set(why, FAULT_FORMAT,
				 "map %s of %s is not as the source manifest describes it",
				 map->name, object);
	out->key_size = map->key_size;
	out->value_size = map->value_size;
	out->max_entries = map->max_entries;
	if (text_copy(map->name, &out->name, why) || text_copy(object, &out->object, why) ||
	    text_copy(type ? type : "unknown", &out->type, why) ||
	    text_copy(map->key, &out->key, why) || text_copy(map->value, &out->value, why) ||
	    text_copy(said ? said->purpose : "state", &out->purpose, why) ||
	    text_copy(said ? said->unit : "", &out->unit, why) ||
	    text_copy(said ? said->description : "", &out->description, why))
		return -1;
	out->shared = said && said->shared;
	return said && (notations_copy(&said->key_format, &out->key_format, why) ||
			notations_copy(&said->value_format, &out->value_format, why))
		       ? -1
		       : 0;
}

static int check_said(const struct manifest *manifest, const struct packing *packing,
		      struct fault *why)
{
	for (size_t i = 0; i < manifest->map_count; i++) {
		const struct manifest_map *said = &manifest->maps[i];
		bool found = false;

		for (size_t j = 0; j < packing->count; j++) {
			const struct inspect_map *map =
				inspection_map(packing->inspections[j], said->name);

			found |= map && !map->internal &&
				 (!*said->object ||
				  strcmp(said->object, packing->members[j].name) == 0);
		}
		if (!found)
			return fault_set(why, FAULT_FORMAT,
					 "the source manifest names a map %s that no object has",
					 said->name);
	}
	return 0;
}

static void drop_maps(struct manifest_map *maps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		manifest_map_drop(&maps[i]);
	free(maps);
}

// Every map of every object, in the order of the objects and of the maps in them.
static int fill_maps(struct manifest *manifest, const struct packing *packing, struct fault *why)
{
	struct manifest_map *maps = calloc(MANIFEST_MAPS_MAX, sizeof *maps);
	size_t count = 0;
	int failed = 0;

	if (!maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < packing->count && !failed; i++) {
		const struct inspection *inspection = packing->inspections[i];
		const char *object = packing->members[i].name;

		for (size_t j = 0; j < inspection->map_count && !failed; j++) {
			const struct inspect_map *map = &inspection->maps[j];

			if (map->internal || map->inner)
				continue;
			if (count == MANIFEST_MAPS_MAX)
				failed = fault_set(why, FAULT_TOO_LARGE,
						   "a bundle has at most %d maps",
						   MANIFEST_MAPS_MAX);
			else
				failed = fill_map(find_said(manifest, object, map->name), object,
						  map, &maps[count++], why);
		}
	}
	if (failed) {
		drop_maps(maps, count);
		return -1;
	}
	drop_maps(manifest->maps, manifest->map_count);
	manifest->maps = maps;
	manifest->map_count = count;
	return 0;
}

static int fill_globals(struct manifest *manifest, const struct packing *packing, struct fault *why)
{
	struct globals_object objects[MANIFEST_PROGRAMS_MAX];

	for (size_t i = 0; i < packing->count; i++)
		objects[i] =
			(struct globals_object){packing->members[i].name, packing->inspections[i]};
	return globals_fill(manifest, objects, packing->count, why);
}

static int check_formats(const struct manifest *manifest, const struct packing *packing,
			 struct fault *why)
{
	for (size_t i = 0; i < packing->count; i++) {
		const struct bundle_member *member = &packing->members[i];

		if (inspect_formats(member->data.data, member->data.len, manifest, member->name,
				    why))
			return -1;
	}
	return 0;
}

// ---- the build ----

static int object_directory(const char *manifest_path, const char *object_dir, char **out,
			    struct fault *why)
{
	const char *slash = strrchr(manifest_path, '/');
	char *dir = NULL;

	if (object_dir || !slash)
		return text_copy(object_dir ? object_dir : ".", out, why);
	if (text_copy(manifest_path, &dir, why))
		return -1;
	dir[slash == manifest_path ? 1 : slash - manifest_path] = '\0';
	*out = dir;
	return 0;
}

static int read_source(const char *path, struct manifest **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (file_read(path, MANIFEST_MAX, &text, why)) {
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return -1;
	}
	return manifest_parse_source(text.data, text.len, path, out, why);
}

int pack_build(const char *manifest_path, const char *object_dir, struct bytes *out,
	       struct survey **survey, struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(drop_packing) struct packing packing = {0};
	OWNED(survey_drop) struct survey *made = NULL;
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(drop_heap) char *dir = NULL;
	struct policy widest = policy_widest();

	if (read_source(manifest_path, &manifest, why) ||
	    object_directory(manifest_path, object_dir, &dir, why) ||
	    read_members(manifest, dir, &packing, why) || check_said(manifest, &packing, why) ||
	    fill_maps(manifest, &packing, why) || fill_globals(manifest, &packing, why) ||
	    check_formats(manifest, &packing, why) ||
	    bundle_write(manifest, packing.members, packing.count, &packed, why))
		return -1;
	// What was written is what gets read, inspected and judged: from here on as on a node.
	if (survey_new(packed.data, packed.len, &made, why) || survey_check(made, &widest, why))
		return -1;
	bytes_move(out, &packed);
	*survey = HAND_OVER(made);
	return 0;
}
