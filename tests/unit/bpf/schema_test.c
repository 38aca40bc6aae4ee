// SPDX-License-Identifier: Apache-2.0
#include "bpf/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int check_short(const char *text, struct fault *why)
{
	if (strlen(text) <= 3)
		return 0;
	fault_set(why, FAULT_FORMAT, "\"%s\" is long", text);
	return fault_fix(why, "make it short");
}

static const char *const words[] = {"red", "green", NULL};
static const struct schema text_form = {
	.kind = SCHEMA_TEXT, .check = check_short, .pattern = "^.{0,3}$"};
static const struct schema word_form = {.kind = SCHEMA_WORD, .words = words};
static const struct schema int_form = {.kind = SCHEMA_INT, .min = -5, .max = 5};
static const struct schema any_form = {.kind = SCHEMA_ANY};
static const struct schema list_form = {
	.kind = SCHEMA_LIST, .item = &word_form, .count_max = 2, .distinct = true};
static const struct schema table_form = {
	.kind = SCHEMA_TABLE,
	.item = &int_form,
	.count_max = 2,
	.key = &text_form,
};
static const struct schema_key keys[] = {
	{"text", &text_form, true, "a text"},
	{"list", &list_form, false, "a list"},
	{"table", &table_form, false, "a table"},
	{"any", &any_form, false, "anything"},
	{0},
};
static const struct schema form = {.kind = SCHEMA_OBJECT, .keys = keys};

static int check(const char *text, struct fault *why)
{
	struct json *root;
	int result;

	assert_int_equal(json_parse(text, strlen(text), "f", &root, why), 0);
	struct schema_source source = {
		.file = "f", .text = text, .len = strlen(text), .root = root};

	result = schema_check(&form, &source, why);
	json_free(root);
	return result;
}

static void refused(const char *text, const char *said, const char *where)
{
	struct fault why = {0};

	assert_int_equal(check(text, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.text, said);
	assert_string_equal(why.where, where);
}

static void a_document_of_the_form_is_taken(void **state)
{
	struct fault why = {0};

	(void)state;
	assert_int_equal(check("{\"text\":\"abc\"}", &why), 0);
	assert_int_equal(check("{\"text\":\"\",\"//"
			       "\":\"c\",\"list\":[\"red\",\"green\"],\"table\":{\"//\":\"c\","
			       "\"a\":-5,\"b\":5},\"any\":[{\"x\":null}]}",
			       &why),
			 0);
	assert_int_equal(why.code, FAULT_NONE);
}

static void each_departure_is_named_with_its_path_and_place(void **state)
{
	(void)state;
	refused("{}", "f: \"text\" is missing", "f:1:1");
	refused("{\"text\":\"a\",\n \"lst\":[]}",
		"lst: key \"lst\" is not known: did you mean \"list\"?", "f:2:2");
	refused("{\"text\":\"abcd\"}", "text: \"abcd\" is long", "f:1:2");
	refused("{\"text\":\"a\",\"list\":[\"red\",\n\"grean\"]}",
		"list[1]: value \"grean\" is not known: did you mean \"green\"?", "f:2:1");
	refused("{\"text\":\"a\",\"list\":[\"red\",\"red\"]}",
		"list[1]: \"red\" is listed twice here", "f:1:27");
	refused("{\"text\":\"a\",\"list\":[\"red\",\"green\",\"red\"]}",
		"list[2]: the array has 3 items; at most 2 fit", "f:1:35");
	refused("{\"text\":\"a\",\"table\":{\"a\":6}}", "table.a: 6 is not between -5 and 5",
		"f:1:22");
	refused("{\"text\":\"a\",\"table\":{\"long\":1}}", "table.long: \"long\" is long",
		"f:1:22");
	refused("{\"text\":\"a\",\"table\":{\"a\":1,\"b\":1,\"c\":1}}",
		"table.c: more than 2 entries", "f:1:34");
}

static void advice_is_kept_and_all_words_are_named_where_none_is_near(void **state)
{
	struct fault why = {0};

	(void)state;
	assert_int_equal(check("{\"text\":\"abcd\"}", &why), -1);
	assert_string_equal(why.fix, "make it short");
	assert_int_equal(check("{\"text\":\"a\",\"list\":[\"ultramarine\"]}", &why), -1);
	assert_string_equal(why.fix, "known here: red, green");
	assert_int_equal(check("{\"text\":\"a\",\"certificate\":1}", &why), -1);
	assert_string_equal(why.fix, "known here: text, list, table, any");
}

// Whatever an item holds: the place of the next is found behind it.
static void the_place_of_each_item_is_that_of_json_place(void **state)
{
	static const char text[] =
		"{\"any\": [ 1,\"]\\\",[\",\n  [[1,2],{\"a\":\"}\"}] ,null\n,{\"b\":[]}\t, -7 ] }";
	struct fault why = {0};
	struct schema_items items;
	struct json *root;
	const struct json *array;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "f", &root, &why), 0);
	struct schema_source source = {
		.file = "f", .text = text, .len = strlen(text), .root = root};

	array = json_member(root, "any");
	assert_int_equal(json_count(array), 6);
	schema_items_begin(&items, &source, array);
	for (size_t i = 0; i < json_count(array); i++, schema_items_next(&items)) {
		char walked[FAULT_TEXT_MAX], sought[FAULT_TEXT_MAX];

		schema_items_where(&items, walked);
		schema_where(&source, array, NULL, i, sought);
		assert_string_equal(walked, sought);
	}
	json_free(root);
}

static void the_form_is_printed_as_json_schema(void **state)
{
	static const char expected[] =
		"{\"type\":\"object\",\"properties\":{\"//\":{\"type\":\"string\"},"
		"\"text\":{\"type\":\"string\",\"pattern\":\"^.{0,3}$\",\"description\":\"a "
		"text\"},"
		"\"list\":{\"type\":\"array\",\"items\":{\"enum\":[\"red\",\"green\"]},"
		"\"maxItems\":2,"
		"\"uniqueItems\":true,\"description\":\"a list\"},"
		"\"table\":{\"type\":\"object\",\"properties\":{\"//\":{\"type\":\"string\"}},"
		"\"additionalProperties\":false,\"maxProperties\":3,\"patternProperties\":{\"^.{0,"
		"3}$\":"
		"{\"type\":\"integer\",\"minimum\":-5,\"maximum\":5}},\"description\":\"a table\"},"
		"\"any\":{\"description\":\"anything\"}},\"additionalProperties\":false,"
		"\"required\":[\"text\"]}\n";
	struct bytes text = {0};
	struct fault why = {0};
	struct json *schema;

	(void)state;
	assert_int_equal(schema_write(&form, &schema, &why), 0);
	assert_int_equal(json_write(schema, false, &text, &why), 0);
	assert_string_equal(bytes_text(&text), expected);
	bytes_drop(&text);
	json_free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_of_the_form_is_taken),
		cmocka_unit_test(each_departure_is_named_with_its_path_and_place),
		cmocka_unit_test(advice_is_kept_and_all_words_are_named_where_none_is_near),
		cmocka_unit_test(the_place_of_each_item_is_that_of_json_place),
		cmocka_unit_test(the_form_is_printed_as_json_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
