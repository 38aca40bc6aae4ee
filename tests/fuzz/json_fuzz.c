// SPDX-License-Identifier: Apache-2.0
// base/json: what was read and written again reads as the same, in both forms; every member can be placed in the text.
#include "base/json.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static void write_again(const struct json *json, bool indented)
{
	OWNED(json_drop) struct json *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes second = {0};

	MUST(json_write(json, indented, &text, &must));
	MUST(json_parse(text.data, text.len, "written", &again, &must));
	HOLDS(json_same(json, again));
	MUST(json_write(again, indented, &second, &must));
	HOLDS(text.len == second.len && !memcmp(text.data, second.data, text.len));
}

static void clone(const struct json *json)
{
	OWNED(json_drop) struct json *copy = NULL;

	MUST(json_clone(json, &copy, &must));
	HOLDS(json_same(json, copy));
}

// The place of a member is a quote in the text, on the line that is named.
static void place(const struct json *json, const char *text, size_t len)
{
	struct json_walk walk = {0};
	unsigned line, column, tried = 0;

	while (tried++ < 8 && json_next(json, &walk)) {
		size_t at = 0;

		HOLDS(json_member(json, walk.key) == walk.value);
		HOLDS(json_place(json, text, len, json, walk.key, 0, &line, &column));
		for (unsigned passed = 1; passed < line; at++)
			passed += text[at] == '\n';
		at += column - 1;
		HOLDS(at < len && text[at] == '"');
	}
	for (size_t i = 0; i < 8 && json_is(json, JSON_KIND_ARRAY) && i < json_count(json); i++) {
		HOLDS(json_item(json, i));
		HOLDS(json_place(json, text, len, json, NULL, i, &line, &column));
	}
}

static void ask(const struct json *json)
{
	static const char *const known[] = {"version", "signed", "keys", NULL};
	struct fault why = {0};
	const char *text;
	int64_t number;

	if (json_only(json, known, &why))
		fuzz_refused(&why);
	fault_clear(&why);
	if (json_need_text(json, "version", &text, &why))
		fuzz_refused(&why);
	fault_clear(&why);
	if (json_need_int(json, "version", 1, 1000, &number, &why))
		fuzz_refused(&why);
	else
		HOLDS(number >= 1 && number <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};

	if (json_parse(data, len, "input", &json, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_FORMAT && !json);
		return 0;
	}
	write_again(json, false);
	write_again(json, true);
	clone(json);
	place(json, (const char *)data, len);
	ask(json);
	return 0;
}
