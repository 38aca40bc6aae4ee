// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/owned.h"

static int parse(const char *text, struct json **out, struct fault *why)
{
	return json_parse(text, strlen(text), "doc.json", out, why);
}

static void what_is_not_one_strict_document_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"{}x",
		"{} {}",
		"{\"a\":1,\"a\":1}",
		"[{\"b\":{\"a\":1,\"a\":2}}]",
		"[1.0]",
		"[1e3]",
		"{\"a\":[{\"b\":0.5}]}",
		"[01]",
		"[+1]",
		"[9223372036854775808]",
		"[\"\xff\"]",
		"[\"\xc0\xaf\"]",
		"[\"\xed\xa0\x80\"]",
		"[\"\\u0000\"]",
		"[\"\\ud800\"]",
		"['a']",
		"[1,]",
		"{a:1}",
		"\xef\xbb\xbf{}",
		"// c\n{}",
		"[NaN]",
		"nul",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct json *json = NULL;
		struct fault why = {0};

		if (parse(bad[i], &json, &why) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_null(json);
	}
}

static void depth_is_bounded_before_the_parser_sees_it(void **state)
{
	static char deep[10 << 20];
	struct json *json = NULL;
	struct fault why = {0};

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_int_equal(json_parse(deep, sizeof(deep), "deep", &json, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	// Brackets inside a string do not nest.
	assert_int_equal(parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]", &json, &why),
			 0);
	json_free(json);
}

static void a_syntax_error_names_line_and_column(void **state)
{
	struct json *json = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(parse("{\n  \"a\": 1,\n  \"a\": 2\n}", &json, &why), -1);
	assert_memory_equal(why.where, "doc.json:3:", 11);
}

static void getters_refuse_absence_and_other_types(void **state)
{
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};
	const char *text = NULL;
	int64_t number = 7;
	const struct json *inner = NULL;

	(void)state;
	assert_int_equal(parse("{\"t\":\"x\",\"n\":5,\"o\":{},\"b\":true}", &json, &why), 0);
	assert_int_equal(json_need_text(json, "t", &text, &why), 0);
	assert_string_equal(text, "x");
	assert_int_equal(json_need_text(json, "n", &text, &why), -1);
	assert_int_equal(json_need_text(json, "absent", &text, &why), -1);
	assert_int_equal(json_need_int(json, "n", 0, 4, &number, &why), -1);
	assert_int_equal(number, 7);
	assert_int_equal(json_need_int(json, "n", 0, 5, &number, &why), 0);
	assert_int_equal(json_need_int(json, "b", 0, 5, &number, &why), -1);
	assert_int_equal(json_need_object(json, "o", &inner, &why), 0);
	assert_int_equal(json_need_array(json, "o", &inner, &why), -1);
	assert_int_equal(json_need_text(NULL, "t", &text, &why), -1);
}

static void a_member_without_text_reads_as_empty_text(void **state)
{
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(parse("{\"a\":\"b\",\"n\":1}", &json, &why), 0);
	assert_string_equal(json_member_text(json, "a"), "b");
	assert_string_equal(json_member_text(json, "n"), "");
	assert_string_equal(json_member_text(json, "absent"), "");
	assert_string_equal(json_member_text(NULL, "a"), "");
}

static void an_unknown_key_names_the_nearest_known_one(void **state)
{
	static const char *const known[] = {"repositories", "interfaces", "policy", NULL};
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(parse("{\"policy\":1,\"repositorys\":2}", &json, &why), 0);
	assert_int_equal(json_only(json, known, &why), -1);
	assert_string_equal(why.text,
			    "unknown key \"repositorys\": did you mean \"repositories\"?");
	assert_null(json_nearest("zzzz", known));
}

static void every_value_can_be_placed(void **state)
{
	static const char text[] = "{\n"
				   "  \"a\": [1, {\"x\": true}, \"s, }\"],\n"
				   "  \"b\\u0062\": {\"c\": null}\n"
				   "}\n";
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};
	const struct json *a, *item;
	unsigned line = 0, column = 0;

	(void)state;
	assert_int_equal(parse(text, &json, &why), 0);
	a = json_member(json, "a");
	item = json_item(a, 1);
	assert_true(json_place(json, text, strlen(text), json, "a", 0, &line, &column));
	assert_int_equal(line, 2);
	assert_int_equal(column, 3);
	assert_true(json_place(json, text, strlen(text), a, NULL, 2, &line, &column));
	assert_int_equal(column, 25);
	assert_true(json_place(json, text, strlen(text), item, "x", 0, &line, &column));
	assert_int_equal(column, 13);
	assert_true(json_place(json, text, strlen(text), json, "bb", 0, &line, &column));
	assert_int_equal(line, 3);
	assert_true(json_place(json, text, strlen(text), json_member(json, "bb"), "c", 0, &line,
			       &column));
	assert_int_equal(line, 3);
	assert_int_equal(column, 15);
	assert_false(json_place(json, text, strlen(text), json, "absent", 0, &line, &column));
}

static void what_is_made_can_be_written_and_read_again(void **state)
{
	OWNED(json_drop) struct json *json = json_make_object();
	OWNED(json_drop) struct json *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(json_put_text(json, "t", "q\"\n", &why), 0);
	assert_int_equal(json_put_int(json, "n", INT64_MAX, &why), 0);
	assert_int_equal(json_put(json, "a", json_make_array(), &why), 0);
	assert_int_equal(json_put_text(json, "bad", "\xff", &why), -1);
	assert_int_equal(json_put(json, "none", NULL, &why), -1);
	assert_int_equal(json_write(json, true, &text, &why), 0);
	assert_int_equal(json_parse(text.data, text.len, "again", &again, &why), 0);
	assert_true(json_same(json, again));
}

// A32: what a key costs does not grow with how many there are, else a file of some megabytes would stop a server.
static double seconds_for_keys(unsigned count)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};
	clock_t start;

	assert_int_equal(bytes_format(&text, &why, "{"), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(bytes_format(&text, &why, "%s\"%08x\":%u", i ? "," : "",
					      i << 12 | i >> 20, i),
				 0);
	assert_int_equal(bytes_format(&text, &why, "}"), 0);
	start = clock();
	assert_int_equal(json_parse(text.data, text.len, "keys", &json, &why), 0);
	assert_int_equal(json_count(json), count);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void a_hundred_thousand_keys_cost_no_more_each_than_ten_thousand(void **state)
{
	double few = 1e9, many = 1e9;

	(void)state;
	for (int i = 0; i < 5; i++) {
		double now = seconds_for_keys(10000);

		few = now < few ? now : few;
		now = seconds_for_keys(100000);
		many = now < many ? now : many;
	}
	// Ten times the keys, with room for caches; one long list would take a hundred times.
	assert_true(many < 40 * few);
	assert_true(many < 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_thousand_keys_cost_no_more_each_than_ten_thousand),
		cmocka_unit_test(what_is_not_one_strict_document_is_refused),
		cmocka_unit_test(depth_is_bounded_before_the_parser_sees_it),
		cmocka_unit_test(a_syntax_error_names_line_and_column),
		cmocka_unit_test(getters_refuse_absence_and_other_types),
		cmocka_unit_test(a_member_without_text_reads_as_empty_text),
		cmocka_unit_test(an_unknown_key_names_the_nearest_known_one),
		cmocka_unit_test(every_value_can_be_placed),
		cmocka_unit_test(what_is_made_can_be_written_and_read_again),
	};

	return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
