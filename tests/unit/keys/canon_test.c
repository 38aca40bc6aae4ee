// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
