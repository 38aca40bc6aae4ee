// SPDX-License-Identifier: Apache-2.0
#include "loader/applied.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"

static struct node *node_of(const char *text)
{
	struct node *node = NULL;
	struct fault why = {0};

	if (node_parse(text, strlen(text), "node.json", &node, &why))
		fail_msg("%s", why.text);
	return node;
}

static void only_what_was_noted_was_applied(void **state)
{
	OWNED(node_drop) struct node *one = node_of("{\"interfaces\":{\"a\":{},\"b\":{}}}");
	OWNED(node_drop)
	struct node *same = node_of("{ \"interfaces\" : {\n \"b\": { }, \"a\": { } } }");
	OWNED(node_drop) struct node *other = node_of("{\"interfaces\":{\"a\":{},\"c\":{}}}");
	OWNED(drop_fd) int fd = -1;
	char root[] = "/tmp/bpfseal-applied-XXXXXX";
	struct fault why = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(dir_open(root, &fd, &why), 0);
	assert_false(applied_is(fd, one));
	assert_int_equal(applied_note(fd, one, &why), 0);
	assert_true(applied_is(fd, one));
	assert_true(applied_is(fd, same));
	assert_false(applied_is(fd, other));
	assert_int_equal(applied_note(fd, other, &why), 0);
	assert_false(applied_is(fd, one));
	assert_true(applied_is(fd, other));
	// A damaged note is none.
	assert_int_equal(file_replace_at(fd, APPLIED_FILE, "x", 1, 0600, &why), 0);
	assert_false(applied_is(fd, other));
	assert_int_equal(file_remove_at(fd, APPLIED_FILE, &why), 0);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_was_noted_was_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
