// SPDX-License-Identifier: Apache-2.0
#include "bpf/pack.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/claims.h"
#include "bpf/compile.h"
#include "bpf/globals.h"
#include "bpf/manifestreader.h"

// The objects of one build, each once, with what is in them.
struct packing {
	struct manifest *manifest;
	char *dir; // of the source manifest
	struct bundle_member members[MANIFEST_PROGRAMS_MAX];
	struct inspection *inspections[MANIFEST_PROGRAMS_MAX];
	size_t count, compiled;
	struct compile_inputs inputs;
};

void pack_free(struct packing *packing)
{
	if (!packing)
		return;
	for (size_t i = 0; i < packing->count; i++) {
		free(packing->members[i].name);
		bytes_drop(&packing->members[i].data);
		inspection_free(packing->inspections[i]);
	}
	compile_inputs_drop(&packing->inputs);
	manifest_free(packing->manifest);
	free(packing->dir);
	free(packing);
}

// ---- objects ----

static int read_object(const char *dir, const char *name, struct bytes *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s/%s", dir, name))
		return -1;
	if (!file_read(bytes_text(&path), INSPECT_OBJECT_MAX, out, why))
		return 0;
	// A missing file of one's own is not a missing file of the repository.
	if (why->code == FAULT_NOT_FOUND)
		why->code = FAULT_USAGE;
	return fault_fix(why, "compile it first, or say where it is with --object-dir DIR");
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path &&
	       access(path, F_OK) == 0;
}

// What an object is compiled from; "" for one that is compiled already.
static int find_source(const struct packing *packing, const struct manifest_program *program,
		       const char *object_dir, char **out, struct fault *why)
{
	OWNED(drop_heap) char *beside = NULL;
	size_t len = strlen(program->object);

	if (object_dir)
		return text_copy("", out, why);
	if (program->source && *program->source)
		return text_copy(program->source, out, why);
	if (text_copy(program->object, &beside, why))
		return -1;
	if (len < 3 || strcmp(beside + len - 2, ".o") != 0 ||
	    is_there(packing->dir, program->object))
		return text_copy("", out, why);
	beside[len - 1] = 'c';
	return text_copy(is_there(packing->dir, beside) ? beside : "", out, why);
}

static bool has_member(const struct packing *packing, const char *name)
{
	for (size_t i = 0; i < packing->count; i++) {
		if (strcmp(packing->members[i].name, name) == 0)
			return true;
	}
	return false;
}

// Two programs of one object have one source, or the second would be left out unseen.
static int check_source(const struct manifest *manifest, const struct manifest_program *program,
			struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *other = &manifest->programs[i];

		if (strcmp(other->object, program->object) == 0 && *other->source &&
		    *program->source && strcmp(other->source, program->source) != 0)
			return fault_set(why, FAULT_FORMAT, "object %s has two sources, %s and %s",
					 program->object, other->source, program->source);
	}
	return 0;
}

static int gather_object(const struct pack_order *order, const struct manifest_program *program,
			 struct packing *packing, struct fault *why)
{
	const struct compile_place place = {order->clang, packing->dir, order->includes,
					    order->include_count};
	struct bundle_member *member = &packing->members[packing->count];
	OWNED(drop_heap) char *source = NULL;

	if (check_source(packing->manifest, program, why) ||
	    find_source(packing, program, order->object_dir, &source, why))
		return -1;
	packing->count++;
	if (text_copy(program->object, &member->name, why))
		return -1;
	if (!*source)
		return read_object(order->object_dir ? order->object_dir : packing->dir,
				   program->object, &member->data, why);
	packing->compiled++;
	return compile_source(&place, source, &member->data, &packing->inputs, why);
}

// ---- provenance ----

// What the build knows better than its author is not taken from him.
static int fill_fact(const char *key, const char *fact, char **said, struct fault *why)
{
	if (*said && **said && strcmp(*said, fact) != 0) {
		fault_set(why, FAULT_FORMAT, "the source manifest says \"%s\" is %s; it is %s", key,
			  *said, fact);
		return fault_fix(why, "leave it out: the build fills it in");
	}
	free(*said);
	*said = NULL;
	return text_copy(fact, said, why);
}

static int fill_provenance(const struct pack_order *order, struct packing *packing,
			   struct fault *why)
{
	const struct compile_place place = {.clang = order->clang};
	OWNED(drop_heap) char *compiler = NULL;
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (!packing->compiled)
		return 0;
	if (packing->compiled < packing->count) {
		fault_set(why, FAULT_USAGE,
			  "%zu of %zu objects have sources here: the digest of the sources would "
			  "cover only a part",
			  packing->compiled, packing->count);
		return fault_fix(why, "compile all of them yourself and say --object-dir DIR");
	}
	if (compile_version(&place, &compiler, why) ||
	    compile_inputs_digest(&packing->inputs, &sha256, why))
		return -1;
	sha256_hex(&sha256, hex);
	if (fill_fact("compiler", compiler, &packing->manifest->compiler, why))
		return -1;
	return fill_fact("source_sha256", hex, &packing->manifest->source_sha256, why);
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

		if (claims_check_formats(member->data.data, member->data.len, manifest,
					 member->name, why))
			return -1;
	}
	return 0;
}

// ---- the build ----

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

int pack_gather(const struct pack_order *order, struct packing **out, struct fault *why)
{
	OWNED(pack_drop) struct packing *packing = calloc(1, sizeof *packing);
	const struct manifest *manifest;

	if (!packing)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (read_source(order->manifest, &packing->manifest, why) ||
	    path_parent(order->manifest, &packing->dir, why))
		return -1;
	manifest = packing->manifest;
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (!has_member(packing, manifest->programs[i].object) &&
		    gather_object(order, &manifest->programs[i], packing, why))
			return -1;
	}
	if (fill_provenance(order, packing, why))
		return -1;
	*out = HAND_OVER(packing);
	return 0;
}

static int inspect_members(struct packing *packing, struct fault *why)
{
	for (size_t i = 0; i < packing->count; i++) {
		const struct bundle_member *member = &packing->members[i];

		inspection_drop(&packing->inspections[i]);
		if (inspect_object(member->data.data, member->data.len, &packing->inspections[i],
				   why))
			return fault_within(why, "object %s is refused", member->name);
	}
	return 0;
}

int pack_finish(struct packing *packing, struct bytes *out, struct survey **survey,
		struct fault *why)
{
	struct manifest *manifest = packing->manifest;
	OWNED(survey_drop) struct survey *made = NULL;
	OWNED(bytes_drop) struct bytes packed = {0};
	struct policy widest = policy_widest();

	if (inspect_members(packing, why) || check_said(manifest, packing, why) ||
	    fill_maps(manifest, packing, why) || fill_globals(manifest, packing, why) ||
	    check_formats(manifest, packing, why) ||
	    bundle_write(manifest, packing->members, packing->count, &packed, why))
		return -1;
	// What was written is what gets read, inspected and judged: from here on as on a node.
	if (survey_new(packed.data, packed.len, &made, why) || survey_check(made, &widest, why))
		return -1;
	bytes_move(out, &packed);
	*survey = HAND_OVER(made);
	return 0;
}

int pack_tested(struct packing *packing, const char *kernel, const char *machine, struct fault *why)
{
	return tested_add(&packing->manifest->tested, kernel, machine, why);
}

int pack_build(const char *manifest_path, const char *object_dir, struct bytes *out,
	       struct survey **survey, struct fault *why)
{
	const struct pack_order order = {.manifest = manifest_path, .object_dir = object_dir};
	OWNED(pack_drop) struct packing *packing = NULL;

	return pack_gather(&order, &packing, why) || pack_finish(packing, out, survey, why) ? -1
											    : 0;
}
