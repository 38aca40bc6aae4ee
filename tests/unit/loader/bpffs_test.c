// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/bpffs.h"

static void dots_and_slashes_are_escaped_and_come_back(void **state)
{
	char path[BPFFS_PATH_MAX], name[64];
	struct fault why = {0};

	(void)state;
	assert_int_equal(bpffs_join("/b", "eth0.100", path, &why), 0);
	assert_string_equal(path, "/b/eth0%2e100");
	bpffs_name_read("eth0%2e100", name, sizeof(name));
	assert_string_equal(name, "eth0.100");
	assert_int_equal(bpffs_join("/b", "../x%2e", path, &why), 0);
	assert_string_equal(path, "/b/%2e%2e%2fx%252e");
	bpffs_name_read("%2e%2e%2fx%252e", name, sizeof(name));
	assert_string_equal(name, "../x%2e");
}

static void a_name_that_does_not_fit_is_refused(void **state)
{
	char path[BPFFS_PATH_MAX], name[BPFFS_PATH_MAX + 1];
	struct fault why = {0};

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(bpffs_join("/b", name, path, &why), -1);
	assert_int_equal(bpffs_join("/b", "", path, &why), -1);
}

static void an_ordinary_directory_is_no_bpf_file_system(void **state)
{
	char root[] = "/tmp/bpfseal-bpffs-XXXXXX", path[128];
	OWNED(drop_heap) char *tree = NULL;
	struct fault why = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(bpffs_open_tree(root, &tree, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	snprintf(path, sizeof(path), "mkdir -p %s/sys/fs/bpf/bpfseal", root);
	assert_int_equal(system(path), 0);
	assert_int_equal(bpffs_open_tree(root, &tree, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_int_equal(bpffs_prepare(root, 0, 0, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	snprintf(path, sizeof(path), "rm -r %s", root);
	assert_int_equal(system(path), 0);
}

static void only_whole_numbers_count_as_generations(void **state)
{
	char root[] = "/tmp/bpfseal-bpffs-XXXXXX", command[256];
	OWNED(drop_heap) uint32_t *numbers = NULL;
	OWNED(drop_heap) uint32_t *none = NULL;
	struct fault why = {0};
	size_t count = 0;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir gen-10 gen-2 gen-x gen- gen-3x generation-4 root-5", root);
	assert_int_equal(system(command), 0);
	assert_int_equal(bpffs_numbers(root, "gen", &numbers, &count, &why), 0);
	assert_int_equal(count, 2);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 10);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
	assert_int_equal(bpffs_numbers(root, "gen", &none, &count, &why), 0);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dots_and_slashes_are_escaped_and_come_back),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused),
		cmocka_unit_test(an_ordinary_directory_is_no_bpf_file_system),
		cmocka_unit_test(only_whole_numbers_count_as_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
