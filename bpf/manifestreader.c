// SPDX-License-Identifier: Apache-2.0
#include "bpf/manifestreader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/owned.h"
#include "bpf/layout.h"
#include "bpf/manifestform.h"

// The schema (manifestform.h) has checked every key and the type of every value. What is checked here is whether the
// values agree with each other.
struct reader {
	struct schema_source source;
	bool draft; // written by a person: `bundle build` completes it
};

// Adds the place of a member (or with key NULL of an array's item) to a refusal. Returns -1.
static int at(const struct reader *reader, const struct json *parent, const char *key, size_t index,
	      struct fault *why)
{
	char where[FAULT_TEXT_MAX];

	schema_where(&reader->source, parent, key, index, where);
	return fault_where(why, "%s", where);
}

static int refuse(const struct reader *reader, const struct json *parent, const char *key,
		  size_t index, struct fault *why, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static int refuse(const struct reader *reader, const struct json *parent, const char *key,
		  size_t index, struct fault *why, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fault_set(why, FAULT_FORMAT, "%s", text);
	return at(reader, parent, key, index, why);
}

// What a draft may lack, a bundle has: here item `index` of a list, or with NULL the whole.
static int check_complete(const struct reader *reader, const struct json *list, size_t index,
			  const char *const *keys, struct fault *why)
{
	const struct json *object = list ? json_item(list, index) : reader->source.root;

	for (; *keys && !reader->draft; keys++) {
		if (!json_member(object, *keys))
			return refuse(reader, list, NULL, index, why, "\"%s\" is missing", *keys);
	}
	return 0;
}

// For members that do not go with the others. Absent is fine.
static int refuse_member(const struct reader *reader, const struct json *object, const char *key,
			 const char *sentence, struct fault *why)
{
	if (!json_member(object, key))
		return 0;
	return refuse(reader, object, key, 0, why, "%s", sentence);
}

// Absent is "".
static int take_text(const struct json *object, const char *key, char **out, struct fault *why)
{
	const char *text = json_text(json_member(object, key));

	return text_copy(text ? text : "", out, why);
}

static int take_format(const struct reader *reader, const struct json *object, const char *key,
		       struct notations *out, struct fault *why)
{
	const struct json *format = json_member(object, key);

	return format && notations_read(format, out, why) ? at(reader, object, key, 0, why) : 0;
}

// ---- programs ----

// The object's name is its source's, unless both are said: count.bpf.c makes count.bpf.o.
static int take_object(const struct reader *reader, const struct json *object,
		       struct manifest_program *program, struct fault *why)
{
	const char *source = json_text(json_member(object, "source"));

	if (!reader->draft &&
	    refuse_member(reader, object, "source", "a bundle has nothing to compile", why))
		return -1;
	if (!source && !json_member(object, "object"))
		return refuse(reader, object, "entry", 0, why, "\"object\" is missing");
	if (take_text(object, "source", &program->source, why) ||
	    take_text(object, json_member(object, "object") ? "object" : "source", &program->object,
		      why))
		return -1;
	if (!json_member(object, "object"))
		program->object[strlen(program->object) - 1] = 'o';
	return 0;
}

static int take_verdict(const struct json *item, enum hook hook, int32_t *out, struct fault *why)
{
	if (json_is(item, JSON_KIND_TEXT))
		return verdict_parse(hook, json_text(item), out, why);
	if (!json_is(item, JSON_KIND_INT))
		return fault_set(why, FAULT_FORMAT, "a verdict is a name or a number");
	if (json_int(item) < -1 || json_int(item) > 32 ||
	    !verdict_name(hook, (int32_t)json_int(item)))
		return fault_set(why, FAULT_FORMAT, "%lld is not a verdict of hook %s",
				 (long long)json_int(item), hook_name(hook));
	*out = (int32_t)json_int(item);
	return 0;
}

static int take_continue(const struct reader *reader, const struct json *object,
			 struct manifest_program *program, struct fault *why)
{
	const struct json *list = json_member(object, "continue_on");

	if (program->linkage == LINK_TERMINAL)
		return refuse_member(reader, object, "continue_on",
				     "a terminal program continues on no verdict", why);
	if (!list) {
		program->continue_count = verdicts_default(program->hook, program->continue_on);
		return 0;
	}
	if (!json_count(list))
		return refuse_member(reader, object, "continue_on",
				     "\"continue_on\" names no verdict", why);
	for (size_t i = 0; i < json_count(list); i++) {
		int32_t *verdict = &program->continue_on[i];

		if (take_verdict(json_item(list, i), program->hook, verdict, why))
			return at(reader, list, NULL, i, why);
		for (size_t j = 0; j < i; j++) {
			if (program->continue_on[j] == *verdict)
				return refuse(reader, list, NULL, i, why, "a verdict occurs twice");
		}
	}
	program->continue_count = json_count(list);
	return 0;
}

static int take_linkage(const struct reader *reader, const struct json *object,
			struct manifest_program *program, struct fault *why)
{
	const char *next_map = json_text(json_member(object, "next_map"));

	program->linkage =
		(enum linkage)schema_word(json_member(object, "linkage"), manifest_linkages);
	if (program->linkage != LINK_OWN_MAP)
		return refuse_member(reader, object, "next_map",
				     "\"next_map\" goes with linkage own_map only", why);
	if (next_map)
		return text_copy(next_map, &program->next_map, why);
	return refuse(reader, object, "linkage", 0, why, "linkage own_map needs \"next_map\"");
}

// A probe watches an event and judges nothing: it has a target, and neither verdicts nor a successor.
static int take_probe(const struct reader *reader, const struct json *object,
		      struct manifest_program *program, struct fault *why)
{
	static const char *const of_chains[] = {"linkage", "next_map", "continue_on", NULL};
	const char *target = json_text(json_member(object, "attach"));

	program->hook = HOOK_PROBE;
	for (size_t i = 0; of_chains[i]; i++)
		if (refuse_member(reader, object, of_chains[i], "a probe has no place in a chain",
				  why))
			return -1;
	if (!target)
		return refuse(reader, object, "hook", 0, why,
			      "\"attach\" is missing: a probe names its event");
	if (probe_check_target(program->probe, target, why))
		return at(reader, object, "attach", 0, why);
	return text_copy(target, &program->target, why);
}

static int take_program(const struct reader *reader, const struct json *list, size_t index,
			struct manifest_program *program, struct fault *why)
{
	static const char *const completed[] = {"linkage", NULL};
	const struct json *object = json_item(list, index);
	const char *hook = json_text(json_member(object, "hook"));
	struct fault ignored = {0};

	if (take_object(reader, object, program, why) ||
	    take_text(object, "entry", &program->entry, why))
		return -1;
	if (!probe_kind_parse(hook, &program->probe, &ignored))
		return take_probe(reader, object, program, why);
	if (hook_parse(hook, &program->hook, why) ||
	    refuse_member(reader, object, "attach", "\"attach\" goes with probes only", why) ||
	    check_complete(reader, list, index, completed, why) ||
	    take_linkage(reader, object, program, why))
		return -1;
	return take_continue(reader, object, program, why);
}

static int take_programs(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list = json_member(reader->source.root, "programs");
	size_t count = json_count(list);

	if (!count)
		return refuse(reader, reader->source.root, "programs", 0, why,
			      "there is no program");
	if (rows_make(count, sizeof(*manifest->programs), &manifest->programs, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_program *program = &manifest->programs[i];

		manifest->program_count = i + 1;
		if (take_program(reader, list, i, program, why))
			return -1;
		for (size_t j = 0; j < i; j++) {
			// node.json picks a program by hook and entry: two of one name could not be told apart.
			if (manifest->programs[j].hook == program->hook &&
			    strcmp(manifest->programs[j].entry, program->entry) == 0)
				return refuse(reader, list, NULL, i, why,
					      "program '%s' occurs twice for hook %s",
					      program->entry, hook_name(program->hook));
		}
	}
	return 0;
}

// ---- maps and globals ----

static uint32_t number(const struct json *object, const char *key)
{
	return (uint32_t)json_int(json_member(object, key));
}

static int take_map(const struct reader *reader, const struct json *object,
		    struct manifest_map *map, struct fault *why)
{
	map->key_size = number(object, "key_size");
	map->value_size = number(object, "value_size");
	map->max_entries = number(object, "max_entries");
	map->shared = json_bool(json_member(object, "shared"));
	if (take_text(object, "name", &map->name, why) ||
	    take_text(object, "object", &map->object, why) ||
	    take_text(object, "type", &map->type, why) ||
	    take_text(object, "key", &map->key, why) ||
	    take_text(object, "value", &map->value, why) ||
	    take_text(object, "unit", &map->unit, why) ||
	    take_text(object, "description", &map->description, why) ||
	    take_format(reader, object, "key_format", &map->key_format, why) ||
	    take_format(reader, object, "value_format", &map->value_format, why))
		return -1;
	if (!json_member(object, "purpose"))
		return text_copy("state", &map->purpose, why);
	return take_text(object, "purpose", &map->purpose, why);
}

static int take_maps(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	static const char *const completed[] = {"object",      "type",	  "key_size", "value_size",
						"max_entries", "purpose", NULL};
	const struct json *list = json_member(reader->source.root, "maps");
	size_t count = json_count(list);

	if (rows_make(count, sizeof(*manifest->maps), &manifest->maps, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_map *map = &manifest->maps[i];

		manifest->map_count = i + 1;
		if (check_complete(reader, list, i, completed, why) ||
		    take_map(reader, json_item(list, i), map, why))
			return -1;
		if (!reader->draft && !*map->type)
			return refuse(reader, list, NULL, i, why, "map '%s' has no type",
				      map->name);
		if (manifest_map(manifest, map->object, map->name) != map)
			return refuse(reader, list, NULL, i, why, "map '%s' occurs twice",
				      map->name);
	}
	return 0;
}

// A purpose that a draft leaves out is "": it depends on the section, which `bundle build` finds (globals.c).
static int take_global(const struct reader *reader, const struct json *object,
		       struct manifest_global *global, struct fault *why)
{
	global->size = number(object, "size");
	return take_text(object, "name", &global->name, why) ||
			       take_text(object, "object", &global->object, why) ||
			       take_text(object, "section", &global->section, why) ||
			       take_text(object, "type", &global->type, why) ||
			       take_text(object, "purpose", &global->purpose, why) ||
			       take_text(object, "unit", &global->unit, why) ||
			       take_text(object, "description", &global->description, why) ||
			       take_format(reader, object, "format", &global->format, why)
		       ? -1
		       : 0;
}

static int take_globals(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	static const char *const completed[] = {"object", "section", "size", "purpose", NULL};
	const struct json *list = json_member(reader->source.root, "globals");
	size_t count = json_count(list);

	if (rows_make(count, sizeof(*manifest->globals), &manifest->globals, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_global *global = &manifest->globals[i];

		manifest->global_count = i + 1;
		if (check_complete(reader, list, i, completed, why) ||
		    take_global(reader, json_item(list, i), global, why))
			return -1;
		if (*global->section ? !layout_is_section(global->section) : !reader->draft)
			return refuse(reader, json_item(list, i), "section", 0, why,
				      "'%s' is no section of variables", global->section);
		if (manifest_global(manifest, global->object, global->name) != global)
			return refuse(reader, list, NULL, i, why, "global '%s' occurs twice",
				      global->name);
	}
	return 0;
}

// ---- files ----

static int take_files(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *root = reader->source.root, *list = json_member(root, "files");
	size_t count = json_count(list);

	if (reader->draft)
		return refuse_member(reader, root, "files", "`bundle build` lists the files", why);
	if (!count)
		return refuse_member(reader, root, "files", "there is no file", why);
	if (rows_make(count, sizeof(*manifest->files), &manifest->files, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_file *file = &manifest->files[i];
		const struct json *object = json_item(list, i);

		manifest->file_count = i + 1;
		file->size = (uint64_t)json_int(json_member(object, "size"));
		if (take_text(object, "name", &file->name, why) ||
		    sha256_read(json_text(json_member(object, "sha256")), &file->sha256))
			return -1;
		// Sorted, as the archive is: so a name cannot stand twice, and there is one spelling of a list.
		if ((i && strcmp(file[-1].name, file->name) >= 0) ||
		    strcmp(file->name, MANIFEST_NAME) == 0)
			return refuse(reader, list, NULL, i, why,
				      "file '%s' is out of order or occurs twice", file->name);
	}
	return 0;
}

// ---- the whole ----

static bool has_object(const struct manifest *manifest, const char *object)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (strcmp(manifest->programs[i].object, object) == 0)
			return true;
	}
	return false;
}

// A map or a global is of an object that has a program.
static int check_owner(const struct reader *reader, const struct manifest *manifest,
		       const char *list, size_t index, const char *name, const char *object,
		       struct fault *why)
{
	if (has_object(manifest, object) || (reader->draft && !*object))
		return 0;
	return refuse(reader, json_member(reader->source.root, list), NULL, index, why,
		      "%s '%s' is of '%s', which no program is of",
		      strcmp(list, "maps") ? "global" : "map", name, object);
}

// What the parts say about each other.
static int check_references(const struct reader *reader, const struct manifest *manifest,
			    struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count && !reader->draft; i++)
		if (!manifest_file(manifest, manifest->programs[i].object))
			return refuse(reader, json_member(reader->source.root, "programs"), NULL, i,
				      why, "object '%s' is not among the files",
				      manifest->programs[i].object);
	for (size_t i = 0; i < manifest->map_count; i++)
		if (check_owner(reader, manifest, "maps", i, manifest->maps[i].name,
				manifest->maps[i].object, why))
			return -1;
	for (size_t i = 0; i < manifest->global_count; i++)
		if (check_owner(reader, manifest, "globals", i, manifest->globals[i].name,
				manifest->globals[i].object, why))
			return -1;
	return 0;
}

static int take_tested(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list = json_member(reader->source.root, "tested");

	if (!list || !tested_read(list, !reader->draft, &manifest->tested, why))
		return 0;
	return at(reader, reader->source.root, "tested", 0, why);
}

static int take_manifest(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	static const char *const completed[] = {"schema", "description", "maps", "files", NULL};
	const struct json *root = reader->source.root;

	if (check_complete(reader, NULL, 0, completed, why) ||
	    take_text(root, "publisher", &manifest->publisher, why) ||
	    take_text(root, "name", &manifest->name, why) ||
	    take_text(root, "version", &manifest->version, why) ||
	    take_text(root, "description", &manifest->description, why) ||
	    take_text(root, "license", &manifest->license, why) ||
	    take_text(root, "compiler", &manifest->compiler, why) ||
	    take_text(root, "source_sha256", &manifest->source_sha256, why) ||
	    take_programs(reader, manifest, why) || take_maps(reader, manifest, why) ||
	    take_globals(reader, manifest, why) || take_tested(reader, manifest, why) ||
	    take_files(reader, manifest, why))
		return -1;
	return check_references(reader, manifest, why);
}

static int parse(const void *data, size_t len, const char *file, bool draft, struct manifest **out,
		 struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(json_drop) struct json *root = NULL;
	struct reader reader = {.draft = draft};

	if (len > MANIFEST_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "%s has %zu bytes, more than %d", file, len,
				 MANIFEST_MAX);
	if (json_parse(data, len, file, &root, why))
		return -1;
	reader.source = (struct schema_source){
		.file = file, .text = data, .len = len, .root = root, .machine = true};
	if (schema_check(&manifest_form, &reader.source, why))
		return -1;
	manifest = calloc(1, sizeof(*manifest));
	if (!manifest)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (take_manifest(&reader, manifest, why))
		return -1;
	*out = HAND_OVER(manifest);
	return 0;
}

int manifest_parse(const void *data, size_t len, const char *file, struct manifest **out,
		   struct fault *why)
{
	return parse(data, len, file, false, out, why);
}

int manifest_parse_source(const void *data, size_t len, const char *file, struct manifest **out,
			  struct fault *why)
{
	return parse(data, len, file, true, out, why);
}
