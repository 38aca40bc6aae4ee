// SPDX-License-Identifier: Apache-2.0
// keys/canon: the canonical form says the same as the document, is its own canonical form, and is what a second writer
// (jansson's, sorted) makes of it.
#include "keys/canon.h"

#include <jansson.h>

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static void append(struct bytes *out, const void *data, size_t len)
{
	MUST(bytes_append(out, data, len, &must));
}

// Canonical JSON has control characters raw in texts, where JSON may not. Outside texts it has none.
static void to_json(const struct bytes *canonical, struct bytes *out)
{
	for (size_t i = 0; i < canonical->len; i++) {
		char escaped[8];

		if (canonical->data[i] >= 0x20) {
			append(out, canonical->data + i, 1);
			continue;
		}
		snprintf(escaped, sizeof(escaped), "\\u%04x", canonical->data[i]);
		append(out, escaped, 6);
	}
}

// Undoes every escape of the other writer but \" and \\. It writes \b \f \n \r \t, \u00XX for control characters.
static void from_dump(const char *text, struct bytes *out)
{
	static const char short_from[] = "bfnrt", short_to[] = "\b\f\n\r\t";

	for (; *text; text++) {
		const char *known;
		unsigned code;
		char byte;

		if (*text != '\\' || text[1] == '"' || text[1] == '\\') {
			append(out, text, *text == '\\' ? 2 : 1);
			text += *text == '\\';
			continue;
		}
		known = strchr(short_from, text[1]);
		HOLDS(known || (text[1] == 'u' && sscanf(text + 2, "%4x", &code) == 1));
		byte = known ? short_to[known - short_from] : (char)code;
		append(out, &byte, 1);
		text += known ? 1 : 5;
	}
}

static void second_opinion(const uint8_t *data, size_t len, const struct bytes *canonical)
{
	OWNED(bytes_drop) struct bytes other = {0};
	json_t *json = json_loadb((const char *)data, len, JSON_DECODE_ANY, NULL);
	char *dump = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

	HOLDS(json && dump);
	from_dump(dump, &other);
	HOLDS(other.len == canonical->len && !memcmp(other.data, canonical->data, other.len));
	free(dump);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(json_drop) struct json *json = NULL;
	OWNED(json_drop) struct json *again = NULL;
	OWNED(bytes_drop) struct bytes canonical = {0};
	OWNED(bytes_drop) struct bytes second = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	if (json_parse(data, len, "input", &json, &why))
		return 0;
	MUST(canon_write(json, &canonical, &must));
	to_json(&canonical, &text);
	MUST(json_parse(text.data, text.len, "canonical", &again, &must));
	HOLDS(json_same(json, again));
	MUST(canon_write(again, &second, &must));
	HOLDS(second.len == canonical.len && !memcmp(second.data, canonical.data, second.len));
	second_opinion(data, len, &canonical);
	return 0;
}
