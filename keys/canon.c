// SPDX-License-Identifier: Apache-2.0
#include "keys/canon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"

struct member {
	const char *key;
	const struct json *value;
};

static int write_value(const struct json *json, unsigned depth, struct bytes *out,
		       struct fault *why) MUST_CHECK;

// Only '"' and '\' are escaped; a newline in a PEM key, a tab, anything not ASCII stands raw. This is what
// OLPC canonical JSON says and where a general JSON writer would produce other bytes.
static int write_text(const char *text, struct bytes *out, struct fault *why)
{
	if (bytes_append(out, "\"", 1, why))
		return -1;
	while (*text) {
		size_t plain = strcspn(text, "\"\\");

		if (plain && bytes_append(out, text, plain, why))
			return -1;
		text += plain;
		if (!*text)
			break;
		if (bytes_append(out, "\\", 1, why) || bytes_append(out, text, 1, why))
			return -1;
		text++;
	}
	return bytes_append(out, "\"", 1, why);
}

static int member_order(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	// strcmp compares unsigned bytes, which for UTF-8 is the order of code points.
	return strcmp(left->key, right->key);
}

static int collect_members(const struct json *object, struct member **out, struct fault *why)
{
	OWNED(drop_heap) struct member *members = NULL;
	struct json_walk walk = {0};
	bool sorted = true;
	size_t count = 0;

	members = calloc(json_count(object) + 1, sizeof(*members));
	if (!members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(object, &walk)) {
		members[count].key = walk.key;
		members[count].value = walk.value;
		if (count && strcmp(members[count - 1].key, walk.key) > 0)
			sorted = false;
		count++;
	}
	// A large targets role usually arrives sorted, and then costs one pass.
	if (!sorted)
		qsort(members, count, sizeof(*members), member_order);
	*out = HAND_OVER(members);
	return 0;
}

static int write_object(const struct json *object, unsigned depth, struct bytes *out,
			struct fault *why)
{
	OWNED(drop_heap) struct member *members = NULL;
	size_t count = json_count(object);

	if (collect_members(object, &members, why) || bytes_append(out, "{", 1, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (i && bytes_append(out, ",", 1, why))
			return -1;
		if (write_text(members[i].key, out, why) || bytes_append(out, ":", 1, why) ||
		    write_value(members[i].value, depth + 1, out, why))
			return -1;
	}
	return bytes_append(out, "}", 1, why);
}

static int write_array(const struct json *array, unsigned depth, struct bytes *out,
		       struct fault *why)
{
	size_t count = json_count(array);

	if (bytes_append(out, "[", 1, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (i && bytes_append(out, ",", 1, why))
			return -1;
		if (write_value(json_item(array, i), depth + 1, out, why))
			return -1;
	}
	return bytes_append(out, "]", 1, why);
}

static int write_int(int64_t number, struct bytes *out, struct fault *why)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);

	return bytes_append(out, text, (size_t)len, why);
}

static int write_value(const struct json *json, unsigned depth, struct bytes *out,
		       struct fault *why)
{
	// What was read is never deeper than this; what a caller built might be (A29: the C stack is bounded).
	if (depth > JSON_DEPTH_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "JSON is nested deeper than %d levels",
				 JSON_DEPTH_MAX);
	if (json_is(json, JSON_KIND_OBJECT))
		return write_object(json, depth, out, why);
	if (json_is(json, JSON_KIND_ARRAY))
		return write_array(json, depth, out, why);
	if (json_is(json, JSON_KIND_TEXT))
		return write_text(json_text(json), out, why);
	if (json_is(json, JSON_KIND_INT))
		return write_int(json_int(json), out, why);
	if (json_is(json, JSON_KIND_BOOL))
		return bytes_append_text(out, json_bool(json) ? "true" : "false", why);
	if (json_is(json, JSON_KIND_NULL))
		return bytes_append_text(out, "null", why);
	return fault_set(why, FAULT_FORMAT, "a value has no canonical form");
}

int canon_write(const struct json *json, struct bytes *out, struct fault *why)
{
	return write_value(json, 0, out, why);
}
