// SPDX-License-Identifier: Apache-2.0
#include "loader/hold.h"

#include "base/clock.h"
#include "base/owned.h"
#include "loader/record.h"

static int put_values(const struct node_use *use, struct json *line, struct fault *why)
{
	struct json *values = json_make_array();

	if (json_put(line, "values", values, why))
		return -1;
	for (size_t i = 0; i < use->entry_count; i++) {
		const struct node_map_entry *entry = &use->entries[i];
		struct json *value = json_make_object();

		if (json_add(values, value, why) || json_put_text(value, "map", entry->map, why) ||
		    json_put(value, "key", json_keep(entry->key), why) ||
		    json_put(value, "value", json_keep(entry->value), why))
			return -1;
	}
	return 0;
}

static int put_line(const struct node_use *use, struct json *lines, struct fault *why)
{
	struct json *line = json_make_object();

	if (json_add(lines, line, why) || json_put_text(line, "use", use->use, why) ||
	    json_put_text(line, "version", use->version, why) ||
	    json_put_text(line, "channel", use->channel ? use->channel : "", why) ||
	    json_put_text(line, "from", use->from, why) ||
	    json_put_text(line, "program", use->program ? use->program : "", why))
		return -1;
	// Absent where there are none: as holds from before there were any have it.
	if (json_member(use->object, "globals") &&
	    json_put(line, "globals", json_keep(json_member(use->object, "globals")), why))
		return -1;
	return put_values(use, line, why);
}

static int lines_of(const struct node_interface *interface, enum hook hook, struct json **out,
		    struct fault *why)
{
	OWNED(json_drop) struct json *lines = json_make_array();
	size_t count = interface ? interface->chain_count[hook] : 0;

	if (!lines)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (put_line(&interface->chain[hook][i], lines, why))
			return -1;
	*out = HAND_OVER(lines);
	return 0;
}

// The members as a recorded chain has them.
static int meant_by(const struct member *members, size_t count, struct json **out,
		    struct fault *why)
{
	OWNED(json_drop) struct json *meant = json_make_object();
	struct json *list = json_make_array();

	if (json_put(meant, "members", list, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct json *member = NULL;

		if (record_of_member(&members[i], &member, why) || json_add(list, member, why))
			return -1;
	}
	*out = HAND_OVER(meant);
	return 0;
}

int hold_make(const struct node_interface *interface, enum hook hook, const struct member *members,
	      size_t count, int64_t now, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *hold = json_make_object();
	struct json *lines = NULL, *meant = NULL;
	char since[CLOCK_TEXT_LEN];

	clock_write(now, since);
	if (json_put_text(hold, "since", since, why) || lines_of(interface, hook, &lines, why) ||
	    json_put(hold, "lines", lines, why))
		return -1;
	if (members &&
	    (meant_by(members, count, &meant, why) || json_put(hold, "instead_of", meant, why)))
		return -1;
	*out = HAND_OVER(hold);
	return 0;
}

const struct json *hold_of(const struct json *record)
{
	const struct json *hold = json_member(record, HOLD_KEY);

	return json_is(hold, JSON_KIND_OBJECT) ? hold : NULL;
}

const char *hold_since(const struct json *hold)
{
	const char *since = json_text(json_member(hold, "since"));

	return since ? since : "a time unknown";
}

bool hold_stands(const struct json *hold, const struct node_interface *interface, enum hook hook)
{
	OWNED(json_drop) struct json *lines = NULL;
	struct fault ignored = {0};

	return hold && !lines_of(interface, hook, &lines, &ignored) &&
	       json_same(json_member(hold, "lines"), lines);
}

bool hold_is_instead_of(const struct json *hold, const struct member *members, size_t count)
{
	const struct json *meant = json_member(hold, "instead_of");

	if (!meant)
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct json *was = record_member_at(meant, members[i].place);
		bool stands_in = !*members[i].from;

		if (!stands_in && (!was || !record_is_member(was, &members[i])))
			return false;
	}
	return true;
}
