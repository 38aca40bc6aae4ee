// SPDX-License-Identifier: Apache-2.0
#include "bpf/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/spot.h"

#define COMMENT	 "//"
#define KEYS_MAX 32 // of one object with known keys

// ---- forms that several files have in common ----

#define NAME_LEN_MAX   64 // each becomes the name of a directory somewhere
#define IDENTIFIER_MAX 63 // what struct inspection holds

static int check_name(const char *text, struct fault *why)
{
	if (!name_is_plain(text, NAME_LEN_MAX))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not a name of 1 to 64 of a-z 0-9 . _ -", text);
	return 0;
}

static int check_identifier(const char *text, struct fault *why)
{
	if (!name_is_identifier(text, IDENTIFIER_MAX))
		return fault_set(why, FAULT_CONFIG, "\"%.80s\" is not a C name of 1 to %d letters",
				 text, IDENTIFIER_MAX);
	return 0;
}

const struct schema schema_name = {
	.kind = SCHEMA_TEXT, .check = check_name, .pattern = "^[a-z0-9][a-z0-9._-]{0,63}$"};
const struct schema schema_identifier = {
	.kind = SCHEMA_TEXT, .check = check_identifier, .pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$"};
const struct schema schema_any = {.kind = SCHEMA_ANY};

// ---- places ----

void schema_where(const struct schema_source *source, const struct json *parent, const char *key,
		  size_t index, char where[static FAULT_TEXT_MAX])
{
	unsigned line = 1, column = 1;

	if (parent)
		json_place(source->root, source->text, source->len, parent, key, index, &line,
			   &column);
	snprintf(where, FAULT_TEXT_MAX, "%s:%u:%u", source->file, line, column);
}

static void step(struct schema_items *items)
{
	bool is_line = items->source->text[items->at++] == '\n';

	items->line += is_line;
	items->column = is_line ? 1 : items->column + 1;
}

void schema_items_begin(struct schema_items *items, const struct schema_source *source,
			const struct json *array)
{
	unsigned line = 1, column = 1;

	*items = (struct schema_items){.source = source, .line = 1, .column = 1};
	json_place(source->root, source->text, source->len, array, NULL, 0, &line, &column);
	while (items->at < source->len && (items->line < line || items->column < column))
		step(items);
}

void schema_items_where(const struct schema_items *items, char where[static FAULT_TEXT_MAX])
{
	snprintf(where, FAULT_TEXT_MAX, "%s:%u:%u", items->source->file, items->line,
		 items->column);
}

// Over one value and the comma behind it. The text has been parsed: strings end, brackets match.
void schema_items_next(struct schema_items *items)
{
	const char *text = items->source->text;
	size_t len = items->source->len;
	unsigned depth = 0;
	bool in_string = false;

	for (; items->at < len && (in_string || depth || text[items->at] != ','); step(items)) {
		char c = text[items->at];

		if (in_string && c == '\\')
			step(items);
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && !depth--)
			return;
	}
	while (items->at < len && strchr(", \t\r\n", text[items->at]))
		step(items);
}

// ---- refusing ----

static int refuse(const struct schema_source *source, const struct spot *spot, struct fault *why,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

static int refuse(const struct schema_source *source, const struct spot *spot, struct fault *why,
		  const char *format, ...)
{
	char text[FAULT_TEXT_MAX / 2], path[FAULT_TEXT_MAX / 2 - 8], where[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	spot_write(spot, path, sizeof(path));
	schema_where(source, spot->parent, spot->key, spot->index, where);
	fault_set(why, source->machine ? FAULT_FORMAT : FAULT_CONFIG, "%s: %s",
		  path[0] ? path : source->file, text);
	return fault_where(why, "%s", where);
}

// What a check of ours said about a text, put in its place; its advice stays.
static int refuse_checked(const struct schema_source *source, const struct spot *spot,
			  struct fault *why)
{
	struct fault inner = *why;

	refuse(source, spot, why, "%.200s", inner.text);
	return inner.fix[0] ? fault_fix(why, "%s", inner.fix) : -1;
}

// A word that is not in the list: names the nearest, and all of them where there is none.
static int refuse_word(const struct schema_source *source, const struct spot *spot,
		       const char *what, const char *word, const char *const *words,
		       struct fault *why)
{
	const char *near = json_nearest(word, words);
	char all[FAULT_TEXT_MAX] = "";

	if (near)
		return refuse(source, spot, why, "%s \"%.64s\" is not known: did you mean \"%s\"?",
			      what, word, near);
	for (size_t used = 0; *words && used < sizeof(all); words++, used = strlen(all))
		snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", *words);
	refuse(source, spot, why, "%s \"%.64s\" is not known", what, word);
	return fault_fix(why, "known here: %s", all);
}

// ---- checking ----

static int check_value(const struct schema *schema, const struct schema_source *source,
		       const struct json *value, const struct spot *spot, struct fault *why);

static bool is_comment(const struct schema_source *source, const char *key)
{
	return !source->machine && !strcmp(key, COMMENT);
}

static int check_comment(const struct schema_source *source, const struct json *object,
			 const struct spot *spot, struct fault *why)
{
	const struct json *comment = json_member(object, COMMENT);
	struct spot inner = {.up = spot, .parent = object, .key = COMMENT};

	if (!source->machine && comment && !json_is(comment, JSON_KIND_TEXT))
		return refuse(source, &inner, why, "a comment must be a text");
	return 0;
}

static const struct schema_key *key_find(const struct schema *schema, const char *key)
{
	for (const struct schema_key *known = schema->keys; known->key; known++)
		if (!strcmp(known->key, key))
			return known;
	return NULL;
}

static int refuse_key(const struct schema *schema, const struct schema_source *source,
		      const struct spot *spot, struct fault *why)
{
	const char *words[KEYS_MAX + 1] = {NULL};

	for (size_t i = 0; i < KEYS_MAX && schema->keys[i].key; i++)
		words[i] = schema->keys[i].key;
	return refuse_word(source, spot, "key", spot->key, words, why);
}

static int check_object(const struct schema *schema, const struct schema_source *source,
			const struct json *object, const struct spot *spot, struct fault *why)
{
	struct json_walk walk = {0};

	if (!json_is(object, JSON_KIND_OBJECT))
		return refuse(source, spot, why, "expected an object");
	if (check_comment(source, object, spot, why))
		return -1;
	while (json_next(object, &walk)) {
		struct spot inner = {.up = spot, .parent = object, .key = walk.key};
		const struct schema_key *known = key_find(schema, walk.key);

		if (is_comment(source, walk.key))
			continue;
		if (!known)
			return refuse_key(schema, source, &inner, why);
		if (check_value(known->form, source, walk.value, &inner, why))
			return -1;
	}
	for (const struct schema_key *known = schema->keys; known->key; known++)
		if (known->needed && !json_member(object, known->key))
			return refuse(source, spot, why, "\"%s\" is missing", known->key);
	return 0;
}

static int check_table(const struct schema *schema, const struct schema_source *source,
		       const struct json *object, const struct spot *spot, struct fault *why)
{
	struct json_walk walk = {0};
	size_t count = 0;

	if (!json_is(object, JSON_KIND_OBJECT))
		return refuse(source, spot, why, "expected an object");
	if (check_comment(source, object, spot, why))
		return -1;
	while (json_next(object, &walk)) {
		struct spot inner = {.up = spot, .parent = object, .key = walk.key};

		if (is_comment(source, walk.key))
			continue;
		if (++count > schema->count_max)
			return refuse(source, &inner, why, "more than %zu entries",
				      schema->count_max);
		if (schema->key->check(walk.key, why))
			return refuse_checked(source, &inner, why);
		if (check_value(schema->item, source, walk.value, &inner, why))
			return -1;
	}
	return 0;
}

static int check_list(const struct schema *schema, const struct schema_source *source,
		      const struct json *array, const struct spot *spot, struct fault *why)
{
	if (!json_is(array, JSON_KIND_ARRAY))
		return refuse(source, spot, why, "expected an array");
	for (size_t i = 0; i < json_count(array); i++) {
		struct spot inner = {.up = spot, .parent = array, .index = i};

		if (i >= schema->count_max)
			return refuse(source, &inner, why,
				      "the array has %zu items; at most %zu fit", json_count(array),
				      schema->count_max);
		if (check_value(schema->item, source, json_item(array, i), &inner, why))
			return -1;
		for (size_t j = 0; schema->distinct && j < i; j++)
			if (json_same(json_item(array, i), json_item(array, j)))
				return refuse(source, &inner, why, "\"%s\" is listed twice here",
					      json_text(json_item(array, i)));
	}
	return 0;
}

static int check_text(const struct schema *schema, const struct schema_source *source,
		      const struct json *value, const struct spot *spot, struct fault *why)
{
	if (!json_is(value, JSON_KIND_TEXT))
		return refuse(source, spot, why, "expected a text");
	if (schema->max && strlen(json_text(value)) > (size_t)schema->max)
		return refuse(source, spot, why, "longer than %" PRId64 " bytes", schema->max);
	if (schema->check(json_text(value), why))
		return refuse_checked(source, spot, why);
	return 0;
}

static int check_word(const struct schema *schema, const struct schema_source *source,
		      const struct json *value, const struct spot *spot, struct fault *why)
{
	if (!json_is(value, JSON_KIND_TEXT))
		return refuse(source, spot, why, "expected a text");
	if (schema->words[schema_word(value, schema->words)])
		return 0;
	return refuse_word(source, spot, "value", json_text(value), schema->words, why);
}

static int check_int(const struct schema *schema, const struct schema_source *source,
		     const struct json *value, const struct spot *spot, struct fault *why)
{
	if (!json_is(value, JSON_KIND_INT))
		return refuse(source, spot, why, "expected an integer");
	if (json_int(value) < schema->min || json_int(value) > schema->max)
		return refuse(source, spot, why,
			      "%" PRId64 " is not between %" PRId64 " and %" PRId64,
			      json_int(value), schema->min, schema->max);
	return 0;
}

static int check_value(const struct schema *schema, const struct schema_source *source,
		       const struct json *value, const struct spot *spot, struct fault *why)
{
	switch (schema->kind) {
	case SCHEMA_OBJECT:
		return check_object(schema, source, value, spot, why);
	case SCHEMA_TABLE:
		return check_table(schema, source, value, spot, why);
	case SCHEMA_LIST:
		return check_list(schema, source, value, spot, why);
	case SCHEMA_TEXT:
		return check_text(schema, source, value, spot, why);
	case SCHEMA_WORD:
		return check_word(schema, source, value, spot, why);
	case SCHEMA_INT:
		return check_int(schema, source, value, spot, why);
	case SCHEMA_BOOL:
		return json_is(value, JSON_KIND_BOOL)
			       ? 0
			       : refuse(source, spot, why, "expected true or false");
	case SCHEMA_ANY:
		return 0;
	}
	return fault_set(why, FAULT_OTHER, "a form of an unknown kind");
}

int schema_check(const struct schema *schema, const struct schema_source *source, struct fault *why)
{
	struct spot top = {0};

	return check_value(schema, source, source->root, &top, why);
}

size_t schema_word(const struct json *value, const char *const *words)
{
	const char *word = json_text(value);
	size_t index = 0;

	while (word && words[index] && strcmp(words[index], word) != 0)
		index++;
	return index;
}

// ---- printing ----

static int write_object(const struct schema *schema, struct json *out, struct fault *why)
{
	OWNED(json_drop) struct json *needed = json_make_array();
	struct json *properties = json_make_object(), *comment = json_make_object();

	if (json_put_text(out, "type", "object", why) ||
	    json_put(out, "properties", properties, why) ||
	    json_put_bool(out, "additionalProperties", false, why) ||
	    json_put(properties, COMMENT, comment, why) ||
	    json_put_text(comment, "type", "string", why))
		return -1;
	for (const struct schema_key *key = schema->keys; key && key->key; key++) {
		struct json *form = NULL;

		if (schema_write(key->form, &form, why))
			return -1;
		if (json_put(properties, key->key, form, why) ||
		    json_put_text(form, "description", key->help, why))
			return -1;
		if (key->needed && json_add(needed, json_make_text(key->key), why))
			return -1;
	}
	return json_count(needed) ? json_put(out, "required", HAND_OVER(needed), why) : 0;
}

static int write_table(const struct schema *schema, struct json *out, struct fault *why)
{
	struct json *patterns = json_make_object(), *form = NULL;

	// One more than fit, for the comment.
	if (write_object(schema, out, why) ||
	    json_put_int(out, "maxProperties", (int64_t)schema->count_max + 1, why) ||
	    json_put(out, "patternProperties", patterns, why) ||
	    schema_write(schema->item, &form, why))
		return -1;
	return json_put(patterns, schema->key->pattern, form, why);
}

static int write_list(const struct schema *schema, struct json *out, struct fault *why)
{
	struct json *form = NULL;

	if (json_put_text(out, "type", "array", why) || schema_write(schema->item, &form, why) ||
	    json_put(out, "items", form, why) ||
	    json_put_int(out, "maxItems", (int64_t)schema->count_max, why))
		return -1;
	return schema->distinct ? json_put_bool(out, "uniqueItems", true, why) : 0;
}

static int write_words(const struct schema *schema, struct json *out, struct fault *why)
{
	struct json *words = json_make_array();

	if (json_put(out, "enum", words, why))
		return -1;
	for (const char *const *word = schema->words; *word; word++)
		if (json_add(words, json_make_text(*word), why))
			return -1;
	return 0;
}

static int write_form(const struct schema *schema, struct json *out, struct fault *why)
{
	switch (schema->kind) {
	case SCHEMA_OBJECT:
		return write_object(schema, out, why);
	case SCHEMA_TABLE:
		return write_table(schema, out, why);
	case SCHEMA_LIST:
		return write_list(schema, out, why);
	case SCHEMA_TEXT:
		return json_put_text(out, "type", "string", why) ||
				       json_put_text(out, "pattern", schema->pattern, why)
			       ? -1
			       : 0;
	case SCHEMA_WORD:
		return write_words(schema, out, why);
	case SCHEMA_INT:
		return json_put_text(out, "type", "integer", why) ||
				       json_put_int(out, "minimum", schema->min, why) ||
				       json_put_int(out, "maximum", schema->max, why)
			       ? -1
			       : 0;
	case SCHEMA_BOOL:
		return json_put_text(out, "type", "boolean", why);
	case SCHEMA_ANY:
		return 0;
	}
	return fault_set(why, FAULT_OTHER, "a form of an unknown kind");
}

int schema_write(const struct schema *schema, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *form = json_make_object();

	if (!form)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (write_form(schema, form, why))
		return -1;
	*out = HAND_OVER(form);
	return 0;
}
