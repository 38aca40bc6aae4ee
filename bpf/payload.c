// SPDX-License-Identifier: Apache-2.0
#include "bpf/payload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

// file:line:column of a member, or of the whole.
static void item_where(const struct payload *payload, const struct payload_item *spot,
		       const char *key, char where[static FAULT_TEXT_MAX])
{
	if (key)
		schema_where(&payload->source, spot->object, key, 0, where);
	else if (spot->list)
		schema_where(&payload->source, spot->list, NULL, spot->index, where);
	else
		snprintf(where, FAULT_TEXT_MAX, "%s", payload->source.file);
}

int payload_refuse(struct payload *payload, const struct payload_item *spot, const char *key,
		   const char *format, ...)
{
	char text[FAULT_TEXT_MAX / 2], where[FAULT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fault_set(payload->why, FAULT_CONFIG, "%s%s%s: %s", spot->path,
		  key && spot->path[0] ? "." : "", key ? key : "", text);
	item_where(payload, spot, key, where);
	return fault_where(payload->why, "%s", where);
}

int payload_note(struct payload *payload, const struct payload_item *spot, const char *key,
		 const char *format, ...)
{
	char raw[FAULT_TEXT_MAX], text[FAULT_TEXT_MAX], where[FAULT_TEXT_MAX];
	char full[PAYLOAD_PATH_MAX + 80], path[PAYLOAD_PATH_MAX + 80];
	struct json *list = payload->notes, *one;
	va_list arguments;

	if (json_count(list) == PAYLOAD_NOTES_MAX) {
		payload->left_out++;
		return 0;
	}
	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	snprintf(full, sizeof(full), "%s%s%.72s", spot->path, key && spot->path[0] ? "." : "",
		 key ? key : "");
	// What was cut may have been cut inside a letter.
	text_safe(raw, text, sizeof(text));
	text_safe(full, path, sizeof(path));
	item_where(payload, spot, key, where);
	one = json_make_object();
	if (json_add(list, one, payload->why) || json_put_text(one, "where", where, payload->why) ||
	    json_put_text(one, "path", path, payload->why))
		return -1;
	return json_put_text(one, "text", text, payload->why);
}

// ---- members of the payload ----

static const char *kind_word(enum json_kind kind)
{
	static const char *const words[] = {
		[JSON_KIND_OBJECT] = "an object", [JSON_KIND_ARRAY] = "a list",
		[JSON_KIND_TEXT] = "a text",	  [JSON_KIND_INT] = "an integer",
		[JSON_KIND_BOOL] = "a bool",	  [JSON_KIND_NULL] = "null",
	};

	return words[kind];
}

int payload_take(struct payload *payload, const struct payload_item *spot, const char *key,
		 enum json_kind kind, const struct json **out)
{
	const struct json *value = json_member(spot->object, key);

	*out = NULL;
	if (!value || json_is(value, JSON_KIND_NULL))
		return 0;
	if (!json_is(value, kind))
		return payload_refuse(payload, spot, key, "it is not %s", kind_word(kind));
	*out = value;
	return 0;
}

int payload_text(struct payload *payload, const struct payload_item *spot, const char *key,
		 const char **out)
{
	const struct json *value;

	if (payload_take(payload, spot, key, JSON_KIND_TEXT, &value))
		return -1;
	*out = value ? json_text(value) : "";
	return 0;
}

int payload_enter(struct payload *payload, const struct payload_item *spot, const char *key,
		  const struct json *list, size_t index, struct payload_item *out)
{
	*out = (struct payload_item){
		.object = json_item(list, index), .list = list, .index = index};
	snprintf(out->path, sizeof(out->path), "%.180s%s%.40s[%zu]", spot->path,
		 key && spot->path[0] ? "." : "", key ? key : "", index);
	if (json_is(out->object, JSON_KIND_OBJECT))
		return 0;
	payload_refuse(payload, out, NULL, "it is not an object");
	return json_is(out->object, JSON_KIND_TEXT)
		       ? fault_fix(payload->why,
				   "a list of names is what l3afd deletes by; the payload that it "
				   "updates by has objects there")
		       : -1;
}

int payload_note_unknown(struct payload *payload, const struct payload_item *spot,
			 const char *const *known)
{
	struct json_walk walk = {0};

	while (json_next(spot->object, &walk)) {
		const char *const *word = known;
		const char *near;

		while (*word && strcmp(*word, walk.key) != 0)
			word++;
		if (*word)
			continue;
		near = json_nearest(walk.key, known);
		if (payload_note(payload, spot, walk.key, "is not known, and left out%s%s%s",
				 near ? ": was \"" : "", near ? near : "", near ? "\" meant?" : ""))
			return -1;
	}
	return 0;
}
