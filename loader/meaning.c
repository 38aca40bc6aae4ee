// SPDX-License-Identifier: Apache-2.0
#include "loader/meaning.h"

#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/owned.h"

#define NAMES_MAX  256 // looked through when one is unknown
#define NAMES_TOLD 12

// A map's own name is a C name: a dot is libbpf's, which calls a section "<object>.rodata".
bool meaning_is_section(const struct bpf_map *map)
{
	return strchr(bpf_map__name(map), '.') != NULL;
}

const char *meaning_section(const struct bpf_map *map)
{
	const char *dot = strchr(bpf_map__name(map), '.');

	return dot && layout_is_section(dot) ? dot : NULL;
}

struct meaning_map meaning_of(const struct meaning *meaning, const struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(object_bpf(meaning->object));
	const char *name = bpf_map__name(map);
	const struct manifest_map *said = manifest_map(meaning->manifest, meaning->file, name);

	return (struct meaning_map){
		.map = map,
		.name = name,
		.said = said,
		.purpose = said && said->purpose ? said->purpose : "",
		.shared = said && said->shared,
		.key = {.btf = btf,
			.type_id = bpf_map__btf_key_type_id(map),
			.size = bpf_map__key_size(map),
			.said = said ? &said->key_format : NULL,
			.prefix = bpf_map__type(map) == BPF_MAP_TYPE_LPM_TRIE},
		.value = {.btf = btf,
			  .type_id = bpf_map__btf_value_type_id(map),
			  .size = bpf_map__value_size(map),
			  .said = said ? &said->value_format : NULL},
	};
}

bool meaning_is_admins(const struct meaning_map *map, bool named)
{
	return map->purpose[0] ? !strcmp(map->purpose, "config") : named;
}

static int refuse_name(const char *what, const char *name, const char *const *names,
		       struct fault *why)
{
	const char *near = json_nearest(name, names);
	OWNED(bytes_drop) struct bytes list = {0};
	struct fault ignored = {0};

	fault_set(why, FAULT_CONFIG, "there is no %s %s", what, name);
	if (near)
		return fault_fix(why, "did you mean \"%s\"?", near);
	// Who does not know them can ask for any.
	for (size_t i = 0; names[i] && i < NAMES_TOLD; i++)
		if (bytes_format(&list, &ignored, "%s%s", i ? ", " : "", names[i]))
			return -1;
	return names[0] ? fault_fix(why, "there %s %s", names[1] ? "are" : "is", bytes_text(&list))
			: -1;
}

int meaning_map(const struct meaning *meaning, const char *name, struct meaning_map *out,
		struct fault *why)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	const struct bpf_map *map;
	size_t count = 0;

	bpf_object__for_each_map(map, object_bpf(meaning->object))
	{
		if (meaning_is_section(map))
			continue;
		if (!strcmp(bpf_map__name(map), name)) {
			*out = meaning_of(meaning, map);
			return 0;
		}
		if (count < NAMES_MAX)
			names[count++] = bpf_map__name(map);
	}
	return refuse_name("map", name, names, why);
}

static const struct bpf_map *section_map(const struct meaning *meaning, const char *section)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(meaning->object))
	{
		const char *name = meaning_section(map);

		if (name && !strcmp(name, section))
			return map;
	}
	return NULL;
}

static int refuse_variable(const struct meaning *meaning, const char *name, struct fault *why)
{
	const struct manifest *manifest = meaning->manifest;
	const char *names[NAMES_MAX + 1] = {NULL};
	size_t count = 0;

	for (size_t i = 0; i < manifest->global_count && count < NAMES_MAX; i++)
		if (!strcmp(manifest->globals[i].object, meaning->file))
			names[count++] = manifest->globals[i].name;
	return refuse_name("global variable to set:", name, names, why);
}

int meaning_variable(const struct meaning *meaning, const char *name, struct meaning_variable *out,
		     struct fault *why)
{
	const struct manifest_global *said =
		manifest_global(meaning->manifest, meaning->file, name);
	const struct btf *btf = bpf_object__btf(object_bpf(meaning->object));
	struct layout_variable at;
	struct layout_walk walk = {0};

	if (!said)
		return refuse_variable(meaning, name, why);
	while (layout_next_variable(btf, &walk, &at)) {
		const struct bpf_map *map;

		if (strcmp(at.name, name) != 0 || strcmp(at.section, said->section) != 0)
			continue;
		map = section_map(meaning, at.section);
		// Hostile BTF may place a variable anywhere.
		if (!map || at.offset > bpf_map__value_size(map) ||
		    at.size > bpf_map__value_size(map) - at.offset)
			return fault_set(why, FAULT_FORMAT, "global %s lies outside its section",
					 name);
		*out = (struct meaning_variable){.said = said, .map = map, .at = at};
		out->codec = (struct mapcodec){
			.btf = btf, .type_id = at.type_id, .size = at.size, .said = &said->format};
		return 0;
	}
	return fault_set(why, FAULT_FORMAT, "the object has no global variable %s", name);
}
