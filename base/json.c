// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/random.h>

// A struct json is jansson's json_t under a name of ours, so that nobody else needs its header.
static json_t *inner(const struct json *json)
{
	return (json_t *)(uintptr_t)json;
}

static struct json *outer(json_t *json)
{
	return (struct json *)json;
}

// A32: the tables of objects are keyed, so that a file cannot be made whose keys all collide. The library draws the key
// from /dev/urandom at the first object, or from the time where a jail has shut that: drawn here, before there is a jail.
static void __attribute__((constructor)) draw_table_key(void)
{
	size_t key;

	if (getrandom(&key, sizeof(key), GRND_NONBLOCK) == sizeof(key) && key)
		json_object_seed(key);
}

// ---- reading ----

// Counts how deep brackets nest outside strings, before the parser recurses (A29: 10 MB of '[').
static bool is_too_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if ((c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
			return true;
		else if ((c == '}' || c == ']') && depth)
			depth--;
	}
	return false;
}

// A real number anywhere: 1.0 and 1e3 have more than one spelling, so nothing signed may hold one (A27).
static bool has_real(json_t *json)
{
	const char *key;
	json_t *value;
	size_t index;

	if (json_is_object(json)) {
		json_object_foreach(json, key, value) if (has_real(value)) return true;
	} else if (json_is_array(json)) {
		json_array_foreach(json, index, value) if (has_real(value)) return true;
	}
	return json_is_real(json);
}

int json_parse(const void *data, size_t len, const char *name, struct json **out, struct fault *why)
{
	json_error_t error = {0};
	json_t *json;

	if (!len)
		return fault_set(why, FAULT_FORMAT, "%s is empty, not JSON", name);
	if (is_too_deep(data, len))
		return fault_set(why, FAULT_FORMAT, "%s nests deeper than %d levels", name,
				 JSON_DEPTH_MAX);
	json = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json) {
		fault_set(why, FAULT_FORMAT, "%s is not valid JSON: %s", name, error.text);
		return fault_where(why, "%s:%d:%d", name, error.line > 0 ? error.line : 1,
				   error.column > 0 ? error.column : 1);
	}
	if (has_real(json)) {
		json_decref(json);
		return fault_set(why, FAULT_FORMAT, "%s holds a number that is not an integer",
				 name);
	}
	*out = outer(json);
	return 0;
}

void json_free(struct json *json)
{
	json_decref(inner(json));
}

struct json *json_keep(const struct json *json)
{
	return outer(json_incref(inner(json)));
}

int json_clone(const struct json *json, struct json **out, struct fault *why)
{
	json_t *copy = json_deep_copy(inner(json));

	if (!copy)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = outer(copy);
	return 0;
}

bool json_same(const struct json *a, const struct json *b)
{
	return json_equal(inner(a), inner(b));
}

// ---- questions ----

bool json_is(const struct json *json, enum json_kind kind)
{
	if (!json)
		return false;
	switch (kind) {
	case JSON_KIND_OBJECT:
		return json_is_object(inner(json));
	case JSON_KIND_ARRAY:
		return json_is_array(inner(json));
	case JSON_KIND_TEXT:
		return json_is_string(inner(json));
	case JSON_KIND_INT:
		return json_is_integer(inner(json));
	case JSON_KIND_BOOL:
		return json_is_boolean(inner(json));
	case JSON_KIND_NULL:
		return json_is_null(inner(json));
	}
	return false;
}

size_t json_count(const struct json *json)
{
	return json_is(json, JSON_KIND_OBJECT) ? json_object_size(inner(json))
					       : json_array_size(inner(json));
}

const struct json *json_member(const struct json *object, const char *key)
{
	return outer(json_object_get(inner(object), key));
}

const struct json *json_item(const struct json *array, size_t index)
{
	return outer(json_array_get(inner(array), index));
}

const char *json_text(const struct json *json)
{
	return json_string_value(inner(json));
}

const char *json_member_text(const struct json *object, const char *key)
{
	const char *text = json_text(json_member(object, key));

	return text ? text : "";
}

int64_t json_int(const struct json *json)
{
	return json_integer_value(inner(json));
}

bool json_bool(const struct json *json)
{
	return json && json_is_true(inner(json));
}

bool json_next(const struct json *object, struct json_walk *walk)
{
	json_t *json = inner(object);

	walk->at = walk->started ? json_object_iter_next(json, walk->at) : json_object_iter(json);
	walk->started = true;
	if (!walk->at)
		return false;
	walk->key = json_object_iter_key(walk->at);
	walk->value = outer(json_object_iter_value(walk->at));
	return true;
}

// ---- typed getters ----

static const char *const kind_names[] = {
	[JSON_KIND_OBJECT] = "an object",   [JSON_KIND_ARRAY] = "an array",
	[JSON_KIND_TEXT] = "a text",	    [JSON_KIND_INT] = "an integer",
	[JSON_KIND_BOOL] = "true or false", [JSON_KIND_NULL] = "null",
};

static int need(const struct json *object, const char *key, enum json_kind kind,
		const struct json **out, struct fault *why)
{
	const struct json *member = json_member(object, key);

	if (!json_is(object, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "expected an object with \"%s\"", key);
	if (!member)
		return fault_set(why, FAULT_FORMAT, "\"%s\" is missing", key);
	if (!json_is(member, kind))
		return fault_set(why, FAULT_FORMAT, "\"%s\" is not %s", key, kind_names[kind]);
	*out = member;
	return 0;
}

int json_need_text(const struct json *object, const char *key, const char **out, struct fault *why)
{
	const struct json *member;

	if (need(object, key, JSON_KIND_TEXT, &member, why))
		return -1;
	*out = json_text(member);
	return 0;
}

int json_need_int(const struct json *object, const char *key, int64_t min, int64_t max,
		  int64_t *out, struct fault *why)
{
	const struct json *member;

	if (need(object, key, JSON_KIND_INT, &member, why))
		return -1;
	if (json_int(member) < min || json_int(member) > max)
		return fault_set(why, FAULT_FORMAT,
				 "\"%s\" is %" PRId64 ", not between %" PRId64 " and %" PRId64, key,
				 json_int(member), min, max);
	*out = json_int(member);
	return 0;
}

int json_need_bool(const struct json *object, const char *key, bool *out, struct fault *why)
{
	const struct json *member;

	if (need(object, key, JSON_KIND_BOOL, &member, why))
		return -1;
	*out = json_bool(member);
	return 0;
}

int json_need_object(const struct json *object, const char *key, const struct json **out,
		     struct fault *why)
{
	return need(object, key, JSON_KIND_OBJECT, out, why);
}

int json_need_array(const struct json *object, const char *key, const struct json **out,
		    struct fault *why)
{
	return need(object, key, JSON_KIND_ARRAY, out, why);
}

// Edit distance of two words, at most `limit` + 1; longer words than 64 letters are never near.
static unsigned distance(const char *a, const char *b, unsigned limit)
{
	unsigned row[65];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > 64 || b_len > 64)
		return limit + 1;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned cost = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
		}
	}
	return row[b_len] <= limit ? row[b_len] : limit + 1;
}

const char *json_nearest(const char *word, const char *const *list)
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (; *list; list++) {
		unsigned far = distance(word, *list, 3);

		if (far < best_distance && far < strlen(*list)) {
			best = *list;
			best_distance = far;
		}
	}
	return best;
}

int json_only(const struct json *object, const char *const *allowed, struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(object, &walk)) {
		const char *const *known = allowed;
		const char *near;

		while (*known && strcmp(*known, walk.key))
			known++;
		if (*known)
			continue;
		near = json_nearest(walk.key, allowed);
		if (near)
			return fault_set(why, FAULT_FORMAT,
					 "unknown key \"%.64s\": did you mean \"%s\"?", walk.key,
					 near);
		return fault_set(why, FAULT_FORMAT, "unknown key \"%.64s\"", walk.key);
	}
	return 0;
}

// ---- where a value stands ----

// Walks the text and the tree side by side. The text has been parsed, so it is well formed: no check here decides
// anything, a wrong turn only costs a place in a message.
struct seeker {
	const char *text;
	size_t len, at;
	const json_t *parent;
	const char *key;
	size_t index;
	bool found;
};

static void skip_space(struct seeker *seeker)
{
	while (seeker->at < seeker->len && strchr(" \t\r\n,:", seeker->text[seeker->at]))
		seeker->at++;
}

static void skip_string(struct seeker *seeker)
{
	for (seeker->at++; seeker->at < seeker->len && seeker->text[seeker->at] != '"';
	     seeker->at++)
		if (seeker->text[seeker->at] == '\\')
			seeker->at++;
	seeker->at++;
}

static bool key_here_is(const struct seeker *seeker, size_t start, const char *key)
{
	// The key as written, quotes included, may hold escapes: read it with the parser that read the document.
	json_t *word = json_loadb(seeker->text + start, seeker->at - start, JSON_DECODE_ANY, NULL);
	bool same = word && json_is_string(word) && !strcmp(json_string_value(word), key);

	json_decref(word);
	return same;
}

static void seek(struct seeker *seeker, const json_t *node);

static void seek_object(struct seeker *seeker, const json_t *node)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)node, key, value)
	{
		size_t start;

		skip_space(seeker);
		start = seeker->at;
		skip_string(seeker);
		if (node == seeker->parent && seeker->key && !strcmp(key, seeker->key) &&
		    key_here_is(seeker, start, key)) {
			seeker->at = start;
			seeker->found = true;
			return;
		}
		seek(seeker, value);
		if (seeker->found)
			return;
	}
}

static void seek_array(struct seeker *seeker, const json_t *node)
{
	json_t *value;
	size_t index;

	json_array_foreach(node, index, value)
	{
		skip_space(seeker);
		if (node == seeker->parent && !seeker->key && index == seeker->index) {
			seeker->found = true;
			return;
		}
		seek(seeker, value);
		if (seeker->found)
			return;
	}
}

static void seek(struct seeker *seeker, const json_t *node)
{
	skip_space(seeker);
	if (json_is_object(node) || json_is_array(node)) {
		seeker->at++;
		if (json_is_object(node))
			seek_object(seeker, node);
		else
			seek_array(seeker, node);
		if (seeker->found)
			return;
		skip_space(seeker);
		seeker->at++;
	} else if (json_is_string(node)) {
		skip_string(seeker);
	} else {
		while (seeker->at < seeker->len && !strchr(" \t\r\n,]}", seeker->text[seeker->at]))
			seeker->at++;
	}
}

bool json_place(const struct json *root, const char *text, size_t len, const struct json *parent,
		const char *key, size_t index, unsigned *line, unsigned *column)
{
	struct seeker seeker = {
		.text = text, .len = len, .parent = inner(parent), .key = key, .index = index};

	seek(&seeker, inner(root));
	if (!seeker.found)
		return false;
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < seeker.at && i < len; i++) {
		*column = text[i] == '\n' ? 1 : *column + 1;
		*line += text[i] == '\n';
	}
	return true;
}

// ---- making ----

struct json *json_make_object(void)
{
	return outer(json_object());
}

struct json *json_make_array(void)
{
	return outer(json_array());
}

struct json *json_make_text(const char *text)
{
	return outer(json_string(text));
}

struct json *json_make_int(int64_t number)
{
	return outer(json_integer(number));
}

struct json *json_make_bool(bool flag)
{
	return outer(json_boolean(flag));
}

struct json *json_make_null(void)
{
	return outer(json_null());
}

static int cannot_make(struct fault *why)
{
	return fault_set(why, FAULT_OTHER,
			 "cannot make JSON: out of memory, or a text that is not UTF-8");
}

int json_put(struct json *object, const char *key, struct json *value, struct fault *why)
{
	if (!value || json_object_set_new(inner(object), key, inner(value)))
		return cannot_make(why);
	return 0;
}

int json_add(struct json *array, struct json *value, struct fault *why)
{
	if (!value || json_array_append_new(inner(array), inner(value)))
		return cannot_make(why);
	return 0;
}

int json_put_text(struct json *object, const char *key, const char *text, struct fault *why)
{
	return json_put(object, key, json_make_text(text), why);
}

int json_put_int(struct json *object, const char *key, int64_t number, struct fault *why)
{
	return json_put(object, key, json_make_int(number), why);
}

int json_put_bool(struct json *object, const char *key, bool flag, struct fault *why)
{
	return json_put(object, key, json_make_bool(flag), why);
}

int json_remove(struct json *object, const char *key)
{
	return json_object_del(inner(object), key);
}

struct sink {
	struct bytes *out;
	struct fault *why;
};

static int pour(const char *data, size_t len, void *ctx)
{
	struct sink *sink = ctx;

	return bytes_append(sink->out, data, len, sink->why);
}

static int dump(const struct json *json, size_t flags, struct bytes *out, struct fault *why)
{
	struct sink sink = {.out = out, .why = why};

	if (json_dump_callback(inner(json), pour, &sink, JSON_ENCODE_ANY | flags))
		return why->code ? -1 : cannot_make(why);
	return bytes_append(out, "\n", 1, why);
}

int json_write(const struct json *json, bool indented, struct bytes *out, struct fault *why)
{
	return dump(json, indented ? JSON_INDENT(2) : JSON_COMPACT, out, why);
}

int json_write_sorted(const struct json *json, struct bytes *out, struct fault *why)
{
	return dump(json, JSON_COMPACT | JSON_SORT_KEYS, out, why);
}
