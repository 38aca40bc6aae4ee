// SPDX-License-Identifier: Apache-2.0
#include "loader/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

void entries_drop(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->list[i].text);
	free(entries->list);
	*entries = (struct entries){0};
}

static int compare(const void *a, const void *b)
{
	const struct entries_item *x = a, *y = b;

	return strcmp(x->text, y->text);
}

int entries_sort(const struct json *json, struct entries *out, struct fault *why)
{
	OWNED(entries_drop) struct entries entries = {0};

	entries.list = calloc(json_count(json) + 1, sizeof(*entries.list));
	if (!entries.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < json_count(json); i++) {
		struct entries_item *item = &entries.list[entries.count++];
		OWNED(bytes_drop) struct bytes text = {0};

		item->key = json_member(json_item(json, i), "key");
		item->value = json_member(json_item(json, i), "value");
		if (!item->key || !item->value)
			return fault_set(why, FAULT_FORMAT, "an entry has no key or no value");
		if (json_write_sorted(item->key, &text, why) ||
		    text_copy(bytes_text(&text), &item->text, why))
			return -1;
	}
	qsort(entries.list, entries.count, sizeof(*entries.list), compare);
	*out = entries;
	entries = (struct entries){0};
	return 0;
}

const struct json *entries_find(const struct entries *entries, const struct entries_item *item)
{
	const struct entries_item *found = entries->count
						   ? bsearch(item, entries->list, entries->count,
							     sizeof(*entries->list), compare)
						   : NULL;

	return found ? found->value : NULL;
}

static int same_list(const struct json *a, const struct json *b, bool *out, struct fault *why)
{
	OWNED(entries_drop) struct entries one = {0};
	OWNED(entries_drop) struct entries two = {0};

	*out = json_count(a) == json_count(b);
	if (!*out || !json_count(a) || json_same(a, b))
		return 0;
	if (entries_sort(a, &one, why) || entries_sort(b, &two, why))
		return -1;
	for (size_t i = 0; i < one.count && *out; i++)
		*out = !strcmp(one.list[i].text, two.list[i].text) &&
		       json_same(one.list[i].value, two.list[i].value);
	return 0;
}

int entries_same(const struct json *maps, const struct json *other, bool *out, struct fault *why)
{
	struct json_walk walk = {0};

	*out = true;
	while (*out && json_next(maps, &walk))
		if (json_is(walk.value, JSON_KIND_ARRAY) &&
		    same_list(walk.value, json_member(other, walk.key), out, why))
			return -1;
	walk = (struct json_walk){0};
	while (*out && json_next(other, &walk))
		*out = json_member(maps, walk.key) || !json_is(walk.value, JSON_KIND_ARRAY) ||
		       !json_count(walk.value);
	return 0;
}
