// SPDX-License-Identifier: Apache-2.0
#include "bpf/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/owned.h"
#include "bpf/manifestform.h"

// ---- writing ----

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static int write_probe(const struct manifest_program *program, struct json *list, struct fault *why)
{
	OWNED(json_drop)
	struct json *object = json_make_object();

	if (json_put_text(object, "object", text_or_empty(program->object), why) ||
	    json_put_text(object, "entry", text_or_empty(program->entry), why) ||
	    json_put_text(object, "hook", probe_kind_name(program->probe), why) ||
	    json_put_text(object, "attach", text_or_empty(program->target), why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_program(const struct manifest_program *program, struct json *list,
			 struct fault *why)
{
	OWNED(json_drop)
	struct json *object = json_make_object();
	OWNED(json_drop)
	struct json *verdicts = json_make_array();

	if (program->hook == HOOK_PROBE)
		return write_probe(program, list, why);

	for (size_t i = 0; i < program->continue_count; i++) {
		int32_t verdict = program->continue_on[i];
		const char *name = verdict_name(program->hook, verdict);

		if (json_add(verdicts, name ? json_make_text(name) : json_make_int(verdict), why))
			return -1;
	}
	if (json_put_text(object, "object", text_or_empty(program->object), why) ||
	    json_put_text(object, "entry", text_or_empty(program->entry), why) ||
	    json_put_text(object, "hook", hook_name(program->hook), why) ||
	    json_put_text(object, "linkage", manifest_linkages[program->linkage], why))
		return -1;
	if (program->next_map && json_put_text(object, "next_map", program->next_map, why))
		return -1;
	if (program->continue_count && json_put(object, "continue_on", HAND_OVER(verdicts), why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_format(const struct notations *format, const char *key, struct json *object,
			struct fault *why)
{
	struct json *written = NULL;

	if (!format->count)
		return 0;
	return notations_write(format, &written, why) || json_put(object, key, written, why) ? -1
											     : 0;
}

static int write_map(const struct manifest_map *map, struct json *list, struct fault *why)
{
	OWNED(json_drop)
	struct json *object = json_make_object();

	if (json_put_text(object, "name", text_or_empty(map->name), why) ||
	    json_put_text(object, "object", text_or_empty(map->object), why) ||
	    json_put_text(object, "type", text_or_empty(map->type), why) ||
	    json_put_int(object, "key_size", map->key_size, why) ||
	    json_put_int(object, "value_size", map->value_size, why) ||
	    json_put_int(object, "max_entries", map->max_entries, why) ||
	    json_put_text(object, "key", text_or_empty(map->key), why) ||
	    json_put_text(object, "value", text_or_empty(map->value), why) ||
	    json_put_text(object, "purpose", map->purpose ? map->purpose : "state", why) ||
	    json_put_text(object, "unit", text_or_empty(map->unit), why) ||
	    json_put_text(object, "description", text_or_empty(map->description), why) ||
	    write_format(&map->key_format, "key_format", object, why) ||
	    write_format(&map->value_format, "value_format", object, why) ||
	    (map->shared && json_put_bool(object, "shared", true, why)))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_global(const struct manifest_global *global, struct json *list, struct fault *why)
{
	OWNED(json_drop)
	struct json *object = json_make_object();

	if (json_put_text(object, "name", text_or_empty(global->name), why) ||
	    json_put_text(object, "object", text_or_empty(global->object), why) ||
	    json_put_text(object, "section", text_or_empty(global->section), why) ||
	    json_put_text(object, "type", text_or_empty(global->type), why) ||
	    json_put_int(object, "size", global->size, why) ||
	    json_put_text(object, "purpose", text_or_empty(global->purpose), why) ||
	    json_put_text(object, "unit", text_or_empty(global->unit), why) ||
	    json_put_text(object, "description", text_or_empty(global->description), why) ||
	    write_format(&global->format, "format", object, why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_file(const struct manifest_file *file, struct json *list, struct fault *why)
{
	OWNED(json_drop)
	struct json *object = json_make_object();
	char hex[SHA256_HEX];

	sha256_hex(&file->sha256, hex);
	if (json_put_text(object, "name", text_or_empty(file->name), why) ||
	    json_put_int(object, "size", (int64_t)file->size, why) ||
	    json_put_text(object, "sha256", hex, why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_lists(const struct manifest *manifest, struct json *root, struct fault *why)
{
	OWNED(json_drop)
	struct json *programs = json_make_array();
	OWNED(json_drop)
	struct json *maps = json_make_array();
	OWNED(json_drop)
	struct json *globals = json_make_array();
	OWNED(json_drop)
	struct json *files = json_make_array();

	for (size_t i = 0; i < manifest->program_count; i++) {
		if (write_program(&manifest->programs[i], programs, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (write_map(&manifest->maps[i], maps, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (write_global(&manifest->globals[i], globals, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->file_count; i++) {
		if (write_file(&manifest->files[i], files, why))
			return -1;
	}
	if (json_put(root, "programs", HAND_OVER(programs), why) ||
	    json_put(root, "maps", HAND_OVER(maps), why) ||
	    (manifest->global_count && json_put(root, "globals", HAND_OVER(globals), why)))
		return -1;
	return json_put(root, "files", HAND_OVER(files), why);
}

int manifest_write(const struct manifest *manifest, struct bytes *out, struct fault *why)
{
	OWNED(json_drop)
	struct json *root = json_make_object();

	if (json_put_text(root, "schema", MANIFEST_SCHEMA, why) ||
	    json_put_text(root, "publisher", text_or_empty(manifest->publisher), why) ||
	    json_put_text(root, "name", text_or_empty(manifest->name), why) ||
	    json_put_text(root, "version", text_or_empty(manifest->version), why) ||
	    json_put_text(root, "description", text_or_empty(manifest->description), why) ||
	    json_put_text(root, "license", text_or_empty(manifest->license), why) ||
	    write_lists(manifest, root, why) ||
	    json_put_text(root, "compiler", text_or_empty(manifest->compiler), why) ||
	    json_put_text(root, "source_sha256", text_or_empty(manifest->source_sha256), why) ||
	    tested_put(&manifest->tested, root, why))
		return -1;
	return json_write(root, true, out, why);
}

// ---- owning ----

void manifest_map_drop(struct manifest_map *map)
{
	free(map->name);
	free(map->object);
	free(map->type);
	free(map->key);
	free(map->value);
	free(map->purpose);
	free(map->unit);
	free(map->description);
	notations_drop(&map->key_format);
	notations_drop(&map->value_format);
	*map = (struct manifest_map){0};
}

void manifest_global_drop(struct manifest_global *global)
{
	free(global->name);
	free(global->object);
	free(global->section);
	free(global->type);
	free(global->purpose);
	free(global->unit);
	free(global->description);
	notations_drop(&global->format);
	*global = (struct manifest_global){0};
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	for (size_t i = 0; i < manifest->program_count; i++) {
		free(manifest->programs[i].object);
		free(manifest->programs[i].source);
		free(manifest->programs[i].entry);
		free(manifest->programs[i].next_map);
		free(manifest->programs[i].target);
	}
	for (size_t i = 0; i < manifest->map_count; i++)
		manifest_map_drop(&manifest->maps[i]);
	for (size_t i = 0; i < manifest->global_count; i++)
		manifest_global_drop(&manifest->globals[i]);
	for (size_t i = 0; i < manifest->file_count; i++)
		free(manifest->files[i].name);
	free(manifest->programs);
	free(manifest->maps);
	free(manifest->globals);
	free(manifest->files);
	free(manifest->publisher);
	free(manifest->name);
	free(manifest->version);
	free(manifest->description);
	free(manifest->license);
	free(manifest->compiler);
	free(manifest->source_sha256);
	free(manifest);
}

const struct manifest_file *manifest_file(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->file_count; i++) {
		if (strcmp(manifest->files[i].name, name) == 0)
			return &manifest->files[i];
	}
	return NULL;
}

const struct manifest_map *manifest_map(const struct manifest *manifest, const char *object,
					const char *name)
{
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (strcmp(manifest->maps[i].name, name) == 0 &&
		    strcmp(manifest->maps[i].object, object) == 0)
			return &manifest->maps[i];
	}
	return NULL;
}

const struct manifest_global *manifest_global(const struct manifest *manifest, const char *object,
					      const char *name)
{
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (strcmp(manifest->globals[i].name, name) == 0 &&
		    strcmp(manifest->globals[i].object, object) == 0)
			return &manifest->globals[i];
	}
	return NULL;
}
