// SPDX-License-Identifier: Apache-2.0
#include "loader/change.h"

#include <string.h>

#include "base/owned.h"
#include "loader/entries.h"

// One changed value, before it is written as JSON.
struct line {
	size_t place;
	const char *use, *map, *global;
	const struct json *key, *from, *to;
};

static int add(const struct line *line, struct json *list, struct fault *why)
{
	struct json *made = json_make_object();

	if (json_add(list, made, why) ||
	    json_put_int(made, "place", (int64_t)line->place + 1, why) ||
	    json_put_text(made, "use", line->use, why))
		return -1;
	if (line->global ? json_put_text(made, "global", line->global, why)
			 : json_put_text(made, "map", line->map, why) ||
				   json_put(made, "key", json_keep(line->key), why))
		return -1;
	if (line->from && json_put(made, "from", json_keep(line->from), why))
		return -1;
	return line->to ? json_put(made, "to", json_keep(line->to), why) : 0;
}

int change_of_edits(const struct edits *edits, const struct member *members, struct json *list,
		    struct fault *why)
{
	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->list[i];
		const struct line line = {.place = edit->place,
					  .use = members[edit->place].name,
					  .map = edit->map,
					  .global = edit->variable[0] ? edit->variable : NULL,
					  .key = edit->json_key,
					  .from = edit->from,
					  .to = edit->to};

		if (add(&line, list, why))
			return -1;
	}
	return 0;
}

// ---- from the record ----

static bool same(const struct json *a, const struct json *b)
{
	return a && b ? json_same(a, b) : !a && !b;
}

static int compare_map(const struct line *about, const struct json *now, const struct json *was,
		       struct json *list, struct fault *why)
{
	OWNED(entries_drop) struct entries next = {0};
	OWNED(entries_drop) struct entries old = {0};
	struct line line = *about;

	if (entries_sort(now, &next, why) || entries_sort(was, &old, why))
		return -1;
	for (size_t i = 0; i < next.count; i++) {
		line.key = next.list[i].key;
		line.to = next.list[i].value;
		line.from = entries_find(&old, &next.list[i]);
		if (!same(line.from, line.to) && add(&line, list, why))
			return -1;
	}
	line.to = NULL;
	for (size_t i = 0; i < old.count; i++) {
		line.key = old.list[i].key;
		line.from = old.list[i].value;
		if (!entries_find(&next, &old.list[i]) && add(&line, list, why))
			return -1;
	}
	return 0;
}

static int compare_globals(const struct line *about, const struct json *now, const struct json *was,
			   struct json *list, struct fault *why)
{
	struct line line = *about;
	struct json_walk walk = {0};

	while (json_next(now, &walk)) {
		line.global = walk.key;
		line.to = walk.value;
		line.from = json_member(was, walk.key);
		if (!same(line.from, line.to) && add(&line, list, why))
			return -1;
	}
	walk = (struct json_walk){0};
	line.to = NULL;
	while (json_next(was, &walk)) {
		line.global = walk.key;
		line.from = walk.value;
		if (!json_member(now, walk.key) && add(&line, list, why))
			return -1;
	}
	return 0;
}

int change_of_record(const struct member *member, size_t place, struct json *list,
		     struct fault *why)
{
	const struct json *was = json_member(member->recorded, "maps");
	struct line line = {.place = place, .use = member->name};
	struct json_walk walk = {0};

	if (!member->recorded)
		return 0;
	while (json_next(member->maps, &walk)) {
		line.map = walk.key;
		if (compare_map(&line, walk.value, json_member(was, walk.key), list, why))
			return -1;
	}
	walk = (struct json_walk){0};
	while (json_next(was, &walk)) {
		line.map = walk.key;
		if (!json_member(member->maps, walk.key) &&
		    compare_map(&line, NULL, walk.value, list, why))
			return -1;
	}
	line.map = NULL;
	return compare_globals(&line, member->globals, json_member(member->recorded, "globals"),
			       list, why);
}

// ---- for people ----

static int append_json(const struct json *json, const char *none, struct bytes *out,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (!json)
		return bytes_append_text(out, none, why);
	if (json_text(json))
		return bytes_append_text(out, json_text(json), why);
	if (json_write(json, false, &text, why))
		return -1;
	return bytes_append(out, text.data, text.len - 1, why); // without the newline
}

int change_text(const struct json *change, struct bytes *out, struct fault *why)
{
	const char *global = json_text(json_member(change, "global"));
	const char *map = json_text(json_member(change, "map"));
	const char *use = json_text(json_member(change, "use"));

	if (bytes_format(out, why, "place %d (%s): %s", (int)json_int(json_member(change, "place")),
			 use ? use : "",
			 global ? global
			 : map	? map
				: ""))
		return -1;
	if (!global && (bytes_append_text(out, "[", why) ||
			append_json(json_member(change, "key"), "", out, why) ||
			bytes_append_text(out, "]", why)))
		return -1;
	return bytes_append_text(out, " ", why) ||
			       append_json(json_member(change, "from"), "(none)", out, why) ||
			       bytes_append_text(out, " -> ", why) ||
			       append_json(json_member(change, "to"),
					   global ? "(its own)" : "(none)", out, why)
		       ? -1
		       : 0;
}
