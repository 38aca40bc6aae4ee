// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/canon.h"

static void assert_canonical(const char *text, const char *canonical)
{
	OWNED(json_drop) struct json *json = NULL;
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	assert_int_equal(json_parse(text, strlen(text), "test", &json, &why), 0);
	assert_int_equal(canon_write(json, &out, &why), 0);
	assert_string_equal(bytes_text(&out), canonical);
}

static void members_are_sorted_and_white_space_goes(void **state)
{
	(void)state;
	assert_canonical(" { \"b\" : [ 1 , 2 ] ,\n \"a\" : { } , \"B\" : null } ",
			 "{\"B\":null,\"a\":{},\"b\":[1,2]}");
	assert_canonical("{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}");
}

static void members_are_sorted_by_code_point_not_by_utf16_unit(void **state)
{
	(void)state;
	// U+FF61 comes before U+1F600, though its UTF-16 unit is higher than the first surrogate.
	assert_canonical("{\"\\ud83d\\ude00\":1,\"\\uff61\":2}",
			 "{\"\xef\xbd\xa1\":2,\"\xf0\x9f\x98\x80\":1}");
}

static void only_quote_and_backslash_are_escaped(void **state)
{
	(void)state;
	assert_canonical("\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\"");
	assert_canonical("\"-----BEGIN\\nx\\ty\\u007f\\u00e9\\u0001\"",
			 "\"-----BEGIN\nx\ty\x7f\xc3\xa9\x01\"");
	assert_canonical("\"\\\\\\\\\"", "\"\\\\\\\\\"");
	assert_canonical("{\"k\\\"\":\"\"}", "{\"k\\\"\":\"\"}");
}

static void numbers_and_words_stand_as_they_are(void **state)
{
	(void)state;
	assert_canonical("[0,-1,9223372036854775807,-9223372036854775808,true,false,null]",
			 "[0,-1,9223372036854775807,-9223372036854775808,true,false,null]");
	assert_canonical("-0", "0");
}

static void the_canonical_form_of_a_canonical_form_is_itself(void **state)
{
	static const char text[] = "{\"a\":[{\"x\":\"\xc3\xa9/\"},[]],\"b\":{\"c\":-7}}";

	(void)state;
	assert_canonical(text, text);
}

static void it_is_appended_to_what_is_there(void **state)
{
	OWNED(json_drop) struct json *json = json_make_int(7);
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(bytes_append_text(&out, "x", &why), 0);
	assert_int_equal(canon_write(json, &out, &why), 0);
	assert_string_equal(bytes_text(&out), "x7");
}

static void what_nests_too_deep_is_refused(void **state)
{
	OWNED(json_drop) struct json *json = json_make_array();
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	(void)state;
	for (int i = 0; i < JSON_DEPTH_MAX + 1; i++) {
		struct json *outer = json_make_array();

		assert_int_equal(json_add(outer, json, &why), 0);
		json = outer;
	}
	assert_int_equal(canon_write(json, &out, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

// ---- matching ----

static size_t match_text(const char *text, const char *against)
{
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(text, strlen(text), "test", &json, &why), 0);
	return canon_match(json, against, strlen(against));
}

static void only_the_canonical_form_matches(void **state)
{
	(void)state;
	assert_int_equal(match_text("{ \"b\":[1, 2], \"a\":\"\\u00e9\\n\" }",
				    "{\"a\":\"\xc3\xa9\n\",\"b\":[1,2]}"),
			 21);
	assert_int_equal(match_text("{\"a\":1}", "{\"a\":1}, \"more\""), 7);
	// Unsorted, with white space, with a needless escape, another spelling of zero.
	assert_int_equal(match_text("{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"), 0);
	assert_int_equal(match_text("{\"a\":1}", "{\"a\": 1}"), 0);
	assert_int_equal(match_text("\"a\\/b\"", "\"a\\/b\""), 0);
	assert_int_equal(match_text("-0", "-0"), 0);
	// Another value, and one that ends too early.
	assert_int_equal(match_text("{\"a\":1}", "{\"a\":2}"), 0);
	assert_int_equal(match_text("{\"a\":1}", "{\"a\":1"), 0);
	assert_int_equal(match_text("{\"a\":1}", ""), 0);
}

// A small generator of our own, so that every machine sees the same documents.
static unsigned next_random(uint32_t *seed, unsigned below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % below;
}

static struct json *random_text(uint32_t *seed)
{
	static const char *const pieces[] = {"a",  "b", "\"",	"\\",	    "/",
					     "\n", " ", "\x7f", "\xc3\xa9", "\xf0\x9f\x98\x80",
					     ",",  "}"};
	char text[64] = "";

	for (unsigned left = next_random(seed, 6); left; left--)
		strcat(text, pieces[next_random(seed, 12)]);
	return json_make_text(text);
}

static struct json *random_value(uint32_t *seed, unsigned depth)
{
	unsigned kind = next_random(seed, depth < 4 ? 6 : 4);
	struct json *json = kind == 4 ? json_make_array() : json_make_object();
	struct fault why = {0};

	if (kind < 4) {
		json_free(json);
		return kind == 0   ? random_text(seed)
		       : kind == 1 ? json_make_int((int64_t)next_random(seed, 2000) - 1000)
		       : kind == 2 ? json_make_bool(next_random(seed, 2))
				   : json_make_null();
	}
	for (unsigned left = next_random(seed, 5); left; left--) {
		OWNED(json_drop) struct json *key = random_text(seed);
		struct json *value = random_value(seed, depth + 1);
		int rc = kind == 4 ? json_add(json, value, &why)
				   : json_put(json, json_text(key), value, &why);

		assert_int_equal(rc, 0);
	}
	return json;
}

// Holds what canon_match says of some bytes against what canon_write writes.
static void assert_match_is_right(const struct json *json, const struct bytes *canonical,
				  const struct bytes *data)
{
	bool begins = data->len >= canonical->len &&
		      memcmp(data->data, canonical->data, canonical->len) == 0;

	assert_int_equal(canon_match(json, data->data, data->len), begins ? canonical->len : 0);
}

static void what_matches_is_what_would_be_written(void **state)
{
	uint32_t seed = 0x5eed;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		OWNED(json_drop) struct json *json = random_value(&seed, 0);
		OWNED(bytes_drop) struct bytes canonical = {0};
		OWNED(bytes_drop) struct bytes plain = {0};
		OWNED(bytes_drop) struct bytes changed = {0};
		struct fault why = {0};

		assert_int_equal(canon_write(json, &canonical, &why), 0);
		assert_match_is_right(json, &canonical, &canonical);
		// As a general writer puts it, sometimes the same; then the canonical form with one byte changed, with one
		// more behind it, and cut.
		assert_int_equal(json_write(json, next_random(&seed, 2), &plain, &why), 0);
		assert_match_is_right(json, &canonical, &plain);
		assert_int_equal(bytes_append(&changed, canonical.data, canonical.len, &why), 0);
		changed.data[next_random(&seed, (unsigned)changed.len)] ^=
			(unsigned char)(1 + next_random(&seed, 255));
		assert_match_is_right(json, &canonical, &changed);
		assert_int_equal(canon_match(json, changed.data, changed.len), 0);
		canonical.len--;
		assert_int_equal(canon_match(json, canonical.data, canonical.len), 0);
		canonical.len++;
		assert_int_equal(bytes_append(&canonical, "}", 1, &why), 0);
		assert_int_equal(canon_match(json, canonical.data, canonical.len),
				 canonical.len - 1);
	}
}

static void what_nests_too_deep_matches_nothing(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 2) + 1] = "";
	struct json *json = json_make_array();
	struct fault why = {0};

	(void)state;
	for (int i = 0; i < JSON_DEPTH_MAX + 1; i++) {
		struct json *outer = json_make_array();

		assert_int_equal(json_add(outer, json, &why), 0);
		json = outer;
	}
	memset(text, '[', JSON_DEPTH_MAX + 2);
	memset(text + JSON_DEPTH_MAX + 2, ']', JSON_DEPTH_MAX + 2);
	assert_int_equal(canon_match(json, text, strlen(text)), 0);
	json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_sorted_and_white_space_goes),
		cmocka_unit_test(members_are_sorted_by_code_point_not_by_utf16_unit),
		cmocka_unit_test(only_quote_and_backslash_are_escaped),
		cmocka_unit_test(numbers_and_words_stand_as_they_are),
		cmocka_unit_test(the_canonical_form_of_a_canonical_form_is_itself),
		cmocka_unit_test(it_is_appended_to_what_is_there),
		cmocka_unit_test(what_nests_too_deep_is_refused),
		cmocka_unit_test(only_the_canonical_form_matches),
		cmocka_unit_test(what_matches_is_what_would_be_written),
		cmocka_unit_test(what_nests_too_deep_matches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
