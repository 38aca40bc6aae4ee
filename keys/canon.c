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

// Where the canonical bytes go: behind `out`, or, when there is none, nowhere: each is held against the next one that is
// there. There is one writer for both, so what matches is what would have been written.
struct sink {
	struct bytes *out;
	const unsigned char *there;
	size_t left;
};

static int write_value(const struct json *json, unsigned depth, struct sink *sink,
		       struct fault *why) MUST_CHECK;

static int put(struct sink *sink, const char *data, size_t len, struct fault *why)
{
	if (sink->out)
		return bytes_append(sink->out, data, len, why);
	if (len > sink->left || memcmp(sink->there, data, len) != 0)
		return fault_set(why, FAULT_FORMAT, "not canonical");
	sink->there += len;
	sink->left -= len;
	return 0;
}

// Only '"' and '\' are escaped; a newline in a PEM key, a tab, anything not ASCII stands raw. This is what
// OLPC canonical JSON says and where a general JSON writer would produce other bytes.
static int write_text(const char *text, struct sink *sink, struct fault *why)
{
	if (put(sink, "\"", 1, why))
		return -1;
	while (*text) {
		size_t plain = strcspn(text, "\"\\");

		if (plain && put(sink, text, plain, why))
			return -1;
		text += plain;
		if (!*text)
			break;
		if (put(sink, "\\", 1, why) || put(sink, text, 1, why))
			return -1;
		text++;
	}
	return put(sink, "\"", 1, why);
}

static int member_order(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	// strcmp compares unsigned bytes, which for UTF-8 is the order of code points.
	return strcmp(left->key, right->key);
}

static bool is_sorted(const struct json *object)
{
	struct json_walk walk = {0};
	const char *last = NULL;

	while (json_next(object, &walk)) {
		if (last && strcmp(last, walk.key) > 0)
			return false;
		last = walk.key;
	}
	return true;
}

static int write_member(const char *key, const struct json *value, bool is_first, unsigned depth,
			struct sink *sink, struct fault *why)
{
	if ((!is_first && put(sink, ",", 1, why)) || write_text(key, sink, why) ||
	    put(sink, ":", 1, why))
		return -1;
	return write_value(value, depth + 1, sink, why);
}

static int write_as_it_stands(const struct json *object, unsigned depth, struct sink *sink,
			      struct fault *why)
{
	struct json_walk walk = {0};
	bool is_first = true;

	while (json_next(object, &walk)) {
		if (write_member(walk.key, walk.value, is_first, depth, sink, why))
			return -1;
		is_first = false;
	}
	return 0;
}

static int write_sorted(const struct json *object, unsigned depth, struct sink *sink,
			struct fault *why)
{
	OWNED(drop_heap) struct member *members = NULL;
	struct json_walk walk = {0};
	size_t count = 0;

	members = calloc(json_count(object) + 1, sizeof(*members));
	if (!members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(object, &walk))
		members[count++] = (struct member){walk.key, walk.value};
	qsort(members, count, sizeof(*members), member_order);
	for (size_t i = 0; i < count; i++)
		if (write_member(members[i].key, members[i].value, i == 0, depth, sink, why))
			return -1;
	return 0;
}

static int write_object(const struct json *object, unsigned depth, struct sink *sink,
			struct fault *why)
{
	int rc;

	if (put(sink, "{", 1, why))
		return -1;
	// A large targets role usually arrives sorted, and then nothing is allocated for it.
	rc = is_sorted(object) ? write_as_it_stands(object, depth, sink, why)
			       : write_sorted(object, depth, sink, why);
	return rc ? -1 : put(sink, "}", 1, why);
}

static int write_array(const struct json *array, unsigned depth, struct sink *sink,
		       struct fault *why)
{
	size_t count = json_count(array);

	if (put(sink, "[", 1, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (i && put(sink, ",", 1, why))
			return -1;
		if (write_value(json_item(array, i), depth + 1, sink, why))
			return -1;
	}
	return put(sink, "]", 1, why);
}

static int write_int(int64_t number, struct sink *sink, struct fault *why)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);

	return put(sink, text, (size_t)len, why);
}

static int write_word(const char *word, struct sink *sink, struct fault *why)
{
	return put(sink, word, strlen(word), why);
}

static int write_value(const struct json *json, unsigned depth, struct sink *sink,
		       struct fault *why)
{
	// What was read is never deeper than this; what a caller built might be (A29: the C stack is bounded).
	if (depth > JSON_DEPTH_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "JSON is nested deeper than %d levels",
				 JSON_DEPTH_MAX);
	if (json_is(json, JSON_KIND_OBJECT))
		return write_object(json, depth, sink, why);
	if (json_is(json, JSON_KIND_ARRAY))
		return write_array(json, depth, sink, why);
	if (json_is(json, JSON_KIND_TEXT))
		return write_text(json_text(json), sink, why);
	if (json_is(json, JSON_KIND_INT))
		return write_int(json_int(json), sink, why);
	if (json_is(json, JSON_KIND_BOOL))
		return write_word(json_bool(json) ? "true" : "false", sink, why);
	if (json_is(json, JSON_KIND_NULL))
		return write_word("null", sink, why);
	return fault_set(why, FAULT_FORMAT, "a value has no canonical form");
}

int canon_write(const struct json *json, struct bytes *out, struct fault *why)
{
	struct sink sink = {.out = out};

	return write_value(json, 0, &sink, why);
}

size_t canon_match(const struct json *json, const void *data, size_t len)
{
	struct sink sink = {.there = data, .left = len};
	struct fault ignored = {0};

	return write_value(json, 0, &sink, &ignored) ? 0 : len - sink.left;
}
