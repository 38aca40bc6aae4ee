// SPDX-License-Identifier: Apache-2.0
#include "bpf/watchrule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/node.h"

static int read_section(const char *section, struct watchrule *out, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	char text[1024];

	snprintf(text, sizeof(text), "{\n\"watch\": %s }", section);
	if (node_parse(text, strlen(text), "node.json", &node, why))
		return -1;
	*out = node->watch;
	return 0;
}

static void refused(const char *section, const char *where, const char *said)
{
	struct watchrule rule;
	struct fault why = {0};

	assert_int_equal(read_section(section, &rule, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	if (!strstr(why.text, said) || strcmp(why.where, where) != 0)
		fail_msg("%s: said \"%s\" at %s", section, why.text, why.where);
}

static void nothing_is_granted_where_nothing_stands(void **state)
{
	OWNED(node_drop) struct node *node = NULL;
	struct watchrule rule;
	struct fault why = {0};

	(void)state;
	assert_int_equal(node_parse("{}", 2, "node.json", &node, &why), 0);
	assert_false(node->watch.name_foreign);
	assert_int_equal(node->watch.evict_count, 0);
	assert_int_equal(read_section("{ \"//\": \"none\" }", &rule, &why), 0);
	assert_false(rule.name_foreign);
	assert_int_equal(read_section("{ \"name_foreign\": false, \"evict\": [] }", &rule, &why),
			 0);
	assert_false(rule.name_foreign);
}

static void what_is_granted_is_read(void **state)
{
	struct watchrule rule;
	struct fault why = {0};

	(void)state;
	assert_int_equal(read_section("{ \"evict\": [\"xdp_old.1\", \"fifteen_letters\"], "
				      "\"name_foreign\": true }",
				      &rule, &why),
			 0);
	assert_true(rule.name_foreign);
	assert_int_equal(rule.evict_count, 2);
	assert_true(watchrule_evicts(&rule, "xdp_old.1"));
	assert_true(watchrule_evicts(&rule, "fifteen_letters"));
	assert_false(watchrule_evicts(&rule, "xdp_old"));
	assert_false(watchrule_evicts(&rule, ""));
}

// Its names come from the process that name_foreign grants.
static void a_list_that_could_do_nothing_is_refused(void **state)
{
	(void)state;
	refused("{ \"evict\": [\"a\"] }", "node.json:2:12", "watch.evict");
	refused("{ \"name_foreign\": false, \"evict\": [\"a\"] }", "node.json:2:35", "watch.evict");
}

static void a_name_that_the_kernel_cannot_have_is_refused(void **state)
{
	(void)state;
	refused("{ \"evict\": [\"sixteen_letters_\"], \"name_foreign\": true }", "node.json:2:22",
		"as the kernel keeps it");
	refused("{ \"evict\": [\"\"], \"name_foreign\": true }", "node.json:2:22",
		"program's name");
	refused("{ \"evict\": [\"a-b\"], \"name_foreign\": true }", "node.json:2:22",
		"program's name");
	refused("{ \"evict\": [\"a\", \"a\"], \"name_foreign\": true }", "node.json:2:27", "twice");
	refused("{ \"name_foreign\": \"yes\" }", "node.json:2:12", "expected true or false");
	refused("{ \"name_foreign\": 1 }", "node.json:2:12", "expected true or false");
	refused("[]", "node.json:2:1", "expected an object");
}

static void the_schema_has_it_as_a_boolean_and_a_list_of_names(void **state)
{
	OWNED(json_drop) struct json *schema = NULL;
	const struct json *properties;
	struct fault why = {0};

	(void)state;
	assert_int_equal(schema_write(&watchrule_form, &schema, &why), 0);
	properties = json_member(schema, "properties");
	assert_string_equal(json_text(json_member(json_member(properties, "name_foreign"), "type")),
			    "boolean");
	assert_int_equal(json_int(json_member(json_member(properties, "evict"), "maxItems")),
			 WATCHRULE_EVICT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_granted_where_nothing_stands),
		cmocka_unit_test(what_is_granted_is_read),
		cmocka_unit_test(a_list_that_could_do_nothing_is_refused),
		cmocka_unit_test(a_name_that_the_kernel_cannot_have_is_refused),
		cmocka_unit_test(the_schema_has_it_as_a_boolean_and_a_list_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
