// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/tested.h"

static int read_text(const char *text, bool sorted, struct tested *out, struct fault *why)
{
	OWNED(json_drop) struct json *list = NULL;

	*why = (struct fault){0};
	assert_int_equal(json_parse(text, strlen(text), "t", &list, why), 0);
	return tested_read(list, sorted, out, why);
}

static void refused(const char *text, bool sorted, const char *words)
{
	struct tested tested;
	struct fault why;

	assert_int_equal(read_text(text, sorted, &tested, &why), -1);
	if (!strstr(why.text, words))
		fail_msg("'%s' is not in '%s'", words, why.text);
}

#define ONE(kernel, machine) "{\"kernel\":\"" kernel "\",\"machine\":\"" machine "\"}"

static void kernels_stand_in_order_and_once(void **state)
{
	struct tested tested = {.count = 0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(tested_add(&tested, "6.18.44", "x86_64", &why), 0);
	assert_int_equal(tested_add(&tested, "5.15.0-1+deb~rc", "x86_64", &why), 0);
	assert_int_equal(tested_add(&tested, "6.18.44", "aarch64", &why), 0);
	assert_int_equal(tested_add(&tested, "6.18.44", "x86_64", &why), 0);
	assert_int_equal(tested.count, 3);
	assert_string_equal(tested.list[0].kernel, "5.15.0-1+deb~rc");
	assert_string_equal(tested.list[1].machine, "aarch64");
	assert_string_equal(tested.list[2].machine, "x86_64");
}

static void what_was_put_reads_back(void **state)
{
	OWNED(json_drop) struct json *root = json_make_object();
	OWNED(json_drop) struct json *none = json_make_object();
	struct tested tested = {.count = 0}, again;
	struct fault why = {0};

	(void)state;
	assert_int_equal(tested_put(&tested, none, &why), 0);
	assert_int_equal(json_count(none), 0);
	assert_int_equal(tested_add(&tested, "6.1.0", "x86_64", &why), 0);
	assert_int_equal(tested_add(&tested, "5.15.0", "x86_64", &why), 0);
	assert_int_equal(tested_put(&tested, root, &why), 0);
	assert_int_equal(tested_read(json_member(root, "tested"), true, &again, &why), 0);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.list[0].kernel, "5.15.0");
}

static void an_author_may_list_them_as_they_come_a_bundle_not(void **state)
{
	static const char turned[] = "[" ONE("6.1", "x") "," ONE("5.1", "x") "]";
	static const char twice[] = "[" ONE("6.1", "x") "," ONE("6.1", "x") "]";
	struct tested tested;
	struct fault why;

	(void)state;
	assert_int_equal(read_text(turned, false, &tested, &why), 0);
	assert_string_equal(tested.list[0].kernel, "5.1");
	assert_int_equal(read_text(twice, false, &tested, &why), 0);
	assert_int_equal(tested.count, 1);
	refused(turned, true, "out of order");
	refused(twice, true, "twice");
}

static void what_is_no_kernel_is_refused(void **state)
{
	char many[4096] = "[", one[80];

	(void)state;
	refused("{}", false, "not a list");
	refused("[7]", false, "not an object");
	refused("[{\"kernel\":\"6.1\"}]", false, "machine");
	refused("[{\"kernel\":\"6.1\",\"machine\":\"x\",\"cpu\":1}]", false, "cpu");
	refused("[" ONE("", "x") "]", false, "kernel");
	refused("[" ONE("6.1\\u001b[2J", "x") "]", false, "kernel");
	refused("[" ONE("../6.1", "x") "]", false, "kernel");
	refused("[" ONE("6.1", "0123456789012345678901234567890123456789") "]", false, "machine");
	for (int i = 0; i < 33; i++) {
		snprintf(one, sizeof(one), "%s{\"kernel\":\"6.%d\",\"machine\":\"x\"}",
			 i ? "," : "", i);
		strcat(many, one);
	}
	refused(strcat(many, "]"), false, "more than 32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_stand_in_order_and_once),
		cmocka_unit_test(what_was_put_reads_back),
		cmocka_unit_test(an_author_may_list_them_as_they_come_a_bundle_not),
		cmocka_unit_test(what_is_no_kernel_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
