// SPDX-License-Identifier: Apache-2.0
#include "loader/values.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/owned.h"
#include "bpf/encode.h"
#include "bpf/maptype.h"

static void value_drop(struct value *value)
{
	free(value->key);
	free(value->data);
	*value = (struct value){0};
}

void values_drop(struct values *values)
{
	for (size_t i = 0; i < values->count; i++)
		value_drop(&values->list[i]);
	free(values->list);
	*values = (struct values){0};
}

// ---- places ----

// One value on its way: from the member, with the way to it in node.json.
struct making {
	const struct meaning *meaning;
	const struct member *member;
	const struct values_origin *origin;
	struct values *out;
	struct fault *why;
};

// Adds where something stands in node.json. Returns -1.
static int at(const struct making *making, const struct json *parent, const char *key, size_t index)
{
	char where[FAULT_TEXT_MAX];

	if (!making->origin || !parent)
		return -1;
	node_where(making->origin->node, parent, key, index, where);
	return fault_where(making->why, "%s", where);
}

static const struct json *said_in(const struct making *making, const char *section)
{
	return making->origin ? json_member(making->origin->use->object, section) : NULL;
}

// The innermost place that is wrong, or the value itself: member `key` of `parent`.
static int at_spot(const struct making *making, const struct spot_place *spot,
		   const struct json *parent, const char *key)
{
	if (spot->parent)
		return at(making, spot->parent, spot->key, spot->index);
	return at(making, parent, key, 0);
}

// ---- encoding ----

static int value_room(struct value *value, size_t key_len, size_t len, struct fault *why)
{
	value->key_len = key_len;
	value->len = len;
	value->key = calloc(1, key_len + 1);
	value->data = calloc(1, len + 1);
	return value->key && value->data ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

static bool is_indexed(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_CPUMAP:
		return true;
	default:
		return false;
	}
}

// The kernel would say the same of an array, as "too big", when half of the values are written.
static int check_index(const struct meaning_map *map, const struct value *value, struct fault *why)
{
	uint32_t index, count = bpf_map__max_entries(map->map);

	if (!is_indexed(map->map) || value->key_len != sizeof(index))
		return 0;
	memcpy(&index, value->key, sizeof(index));
	if (index < count)
		return 0;
	return fault_set(why, FAULT_CONFIG, "%u is not between 0 and %u", index, count - 1);
}

static int make_entry(const struct making *making, const struct meaning_map *map, size_t index,
		      const struct json *entry, struct value *out)
{
	const struct json *list = json_member(said_in(making, "maps"), map->name);
	const struct json *item = json_item(list, index);
	struct spot_place spot;

	out->map = map->name;
	out->index = index;
	out->json_key = json_member(entry, "key");
	out->json_value = json_member(entry, "value");
	if (value_room(out, map->key.size, map->value.size, making->why))
		return -1;
	if (encode_value(&map->key, out->json_key, out->key, &spot, making->why) ||
	    check_index(map, out, making->why)) {
		fault_within(making->why, "the key of entry %zu of map %s of %s does not fit",
			     index, map->name, making->member->name);
		return at_spot(making, &spot, item, "key");
	}
	if (encode_value(&map->value, out->json_value, out->data, &spot, making->why)) {
		fault_within(making->why, "the value of entry %zu of map %s of %s does not fit",
			     index, map->name, making->member->name);
		return at_spot(making, &spot, item, "value");
	}
	return 0;
}

static int make_map(const struct making *making, const char *name, const struct json *entries)
{
	const struct json *maps = said_in(making, "maps");
	struct meaning_map map;

	if (meaning_map(making->meaning, name, &map, making->why)) {
		fault_within(making->why, "%s %s has no map %s", making->member->name,
			     making->member->version, name);
		return at(making, maps, name, 0);
	}
	if (json_count(entries) && !map_type_is_data((uint32_t)bpf_map__type(map.map))) {
		fault_set(making->why, FAULT_CONFIG, "map %s of %s takes no values", name,
			  making->member->name);
		return at(making, maps, name, 0);
	}
	if (json_count(entries) > bpf_map__max_entries(map.map)) {
		fault_set(making->why, FAULT_CONFIG, "map %s of %s takes %u entries, not %zu", name,
			  making->member->name, bpf_map__max_entries(map.map), json_count(entries));
		return at(making, maps, name, 0);
	}
	for (size_t i = 0; i < json_count(entries); i++)
		if (make_entry(making, &map, i, json_item(entries, i),
			       &making->out->list[making->out->count++]))
			return -1;
	return 0;
}

static int make_variable(const struct making *making, const char *name, const struct json *json,
			 struct value *out)
{
	const struct json *globals = said_in(making, "globals");
	struct meaning_variable variable;
	struct spot_place spot;

	if (meaning_variable(making->meaning, name, &variable, making->why)) {
		fault_within(making->why, "%s %s has no global %s", making->member->name,
			     making->member->version, name);
		return at(making, globals, name, 0);
	}
	out->map = meaning_section(variable.map);
	out->variable = variable.at.name;
	out->json_value = json;
	out->offset = variable.at.offset;
	if (value_room(out, 0, variable.at.size, making->why))
		return -1;
	if (encode_value(&variable.codec, json, out->data, &spot, making->why)) {
		fault_within(making->why, "global %s of %s does not fit", name,
			     making->member->name);
		return at_spot(making, &spot, globals, name);
	}
	return 0;
}

// ---- order ----

static int compare_keys(const struct value *a, const struct value *b)
{
	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	return a->key_len ? memcmp(a->key, b->key, a->key_len) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	int maps = strcmp(x->map, y->map);

	if (maps)
		return maps;
	if (x->variable)
		return (x->offset > y->offset) - (x->offset < y->offset);
	if (x->key_len)
		return compare_keys(x, y);
	return (x->index > y->index) - (x->index < y->index); // a queue or a stack has no keys
}

// The later one would win, and nobody would see it.
static int check_twice(const struct making *making)
{
	const struct values *values = making->out;

	for (size_t i = 1; i < values->count; i++) {
		const struct value *one = &values->list[i - 1], *two = &values->list[i];
		const struct json *list = json_member(said_in(making, "maps"), two->map);

		if (two->variable || !two->key_len || compare(one, two) != 0)
			continue;
		fault_set(making->why, FAULT_CONFIG, "a key of map %s of %s occurs twice", two->map,
			  making->member->name);
		for (size_t k = json_count(list); k-- > 0;)
			if (json_member(json_item(list, k), "key") == two->json_key ||
			    json_member(json_item(list, k), "key") == one->json_key)
				return at(making, json_item(list, k), "key", 0);
		return -1;
	}
	return 0;
}

int values_make(const struct meaning *meaning, const struct member *member,
		const struct values_origin *origin, struct values *out, struct fault *why)
{
	OWNED(values_drop) struct values values = {0};
	const struct making making = {.meaning = meaning,
				      .member = member,
				      .origin = origin && origin->use ? origin : NULL,
				      .out = &values,
				      .why = why};
	size_t room = json_count(member->globals);
	struct json_walk walk = {0};

	while (json_next(member->maps, &walk))
		room += json_count(walk.value);
	values.list = calloc(room + 1, sizeof(*values.list));
	if (!values.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	walk = (struct json_walk){0};
	while (json_next(member->maps, &walk))
		if (make_map(&making, walk.key, walk.value))
			return -1;
	walk = (struct json_walk){0};
	while (json_next(member->globals, &walk))
		if (make_variable(&making, walk.key, walk.value, &values.list[values.count++]))
			return -1;
	qsort(values.list, values.count, sizeof(*values.list), compare);
	if (check_twice(&making))
		return -1;
	*out = values;
	values = (struct values){0};
	return 0;
}

size_t values_of(const struct values *values, const char *map, const struct value **first)
{
	size_t begin = 0, end;

	while (begin < values->count && strcmp(values->list[begin].map, map) != 0)
		begin++;
	for (end = begin; end < values->count && !strcmp(values->list[end].map, map);)
		end++;
	*first = values->list ? values->list + begin : NULL;
	return end - begin;
}

const struct value *values_find(const struct value *first, size_t count, const void *key)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(first[middle].key, key, first[middle].key_len);

		if (!order)
			return &first[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
