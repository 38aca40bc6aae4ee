// SPDX-License-Identifier: Apache-2.0
// Strict JSON. Reading refuses duplicate keys, reals, NUL, invalid UTF-8, trailing bytes, and nesting deeper
// than JSON_DEPTH_MAX; getters refuse what is absent or of another type. The door to jansson.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

// Deepest document that any of ours needs is 9; TUF metadata of others was seen at 8 (A29).
#define JSON_DEPTH_MAX 32

// A value. Only the root of a document is owned; everything inside is borrowed from it.
struct json;

enum json_kind {
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY,
	JSON_KIND_TEXT,
	JSON_KIND_INT,
	JSON_KIND_BOOL,
	JSON_KIND_NULL
};

// Parses one whole document. The refusal has code FAULT_FORMAT and names `name:line:column`. `*out` is yours.
int json_parse(const void *data, size_t len, const char *name, struct json **out, struct fault *why)
	MUST_CHECK;
void json_free(struct json *json);
static inline void json_drop(struct json **json)
{
	json_free(*json);
	*json = NULL;
}

// Another reference to the same value, which must be freed as well.
struct json *json_keep(const struct json *json);
// A deep copy that may be edited.
int json_clone(const struct json *json, struct json **out, struct fault *why) MUST_CHECK;
bool json_same(const struct json *a, const struct json *b);

// Questions. NULL is allowed and is of no kind.
bool json_is(const struct json *json, enum json_kind kind);
size_t json_count(const struct json *json); // members or items; 0 for others
const struct json *json_member(const struct json *object, const char *key); // NULL when absent
const struct json *json_item(const struct json *array, size_t index);
const char *json_text(const struct json *json); // NULL when not a text
// The text of a member; "" when it is absent or not a text.
const char *json_member_text(const struct json *object, const char *key);
int64_t json_int(const struct json *json); // 0 when not an integer
bool json_bool(const struct json *json);   // false when not true

// Walks the members of an object in their order in the document:
//     struct json_walk walk = {0};
//     while (json_next(object, &walk)) use(walk.key, walk.value);
struct json_walk {
	const char *key;
	const struct json *value;
	void *at;
	bool started;
};
bool json_next(const struct json *object, struct json_walk *walk);

// Typed getters: the member must be there and fit, else -1 with FAULT_FORMAT and a sentence naming the key.
int json_need_text(const struct json *object, const char *key, const char **out, struct fault *why)
	MUST_CHECK;
int json_need_int(const struct json *object, const char *key, int64_t min, int64_t max,
		  int64_t *out, struct fault *why) MUST_CHECK;
int json_need_bool(const struct json *object, const char *key, bool *out, struct fault *why)
	MUST_CHECK;
int json_need_object(const struct json *object, const char *key, const struct json **out,
		     struct fault *why) MUST_CHECK;
int json_need_array(const struct json *object, const char *key, const struct json **out,
		    struct fault *why) MUST_CHECK;

// Refuses a member that is not in the NULL-terminated list; the sentence names the nearest allowed key.
int json_only(const struct json *object, const char *const *allowed, struct fault *why) MUST_CHECK;
// The entry of a NULL-terminated list nearest to `word` (edit distance at most 3), or NULL.
const char *json_nearest(const char *word, const char *const *list);

// Where a member (or, with key NULL, item `index`) of `parent` stands in the text that `root` was parsed
// from. Line and column count from 1. False when it is not there.
bool json_place(const struct json *root, const char *text, size_t len, const struct json *parent,
		const char *key, size_t index, unsigned *line, unsigned *column);

// Construction. Every json_make_* returns NULL only when memory is out; json_put and json_add take ownership of `value`
// (also on a refusal) and refuse a NULL value, so calls can be nested.
struct json *json_make_object(void);
struct json *json_make_array(void);
struct json *json_make_text(const char *text);
struct json *json_make_int(int64_t number);
struct json *json_make_bool(bool flag);
struct json *json_make_null(void);
int json_put(struct json *object, const char *key, struct json *value, struct fault *why)
	MUST_CHECK;
int json_add(struct json *array, struct json *value, struct fault *why) MUST_CHECK;
int json_put_text(struct json *object, const char *key, const char *text, struct fault *why)
	MUST_CHECK;
int json_put_int(struct json *object, const char *key, int64_t number, struct fault *why)
	MUST_CHECK;
int json_put_bool(struct json *object, const char *key, bool flag, struct fault *why) MUST_CHECK;
int json_remove(struct json *object, const char *key);

// Compact or indented (two spaces) text with a newline behind it. Appended to `out`.
int json_write(const struct json *json, bool indented, struct bytes *out, struct fault *why)
	MUST_CHECK;
// Compact, and the members of every object sorted by their bytes.
int json_write_sorted(const struct json *json, struct bytes *out, struct fault *why) MUST_CHECK;
