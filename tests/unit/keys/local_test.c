// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"

struct place {
	char path[64];
	int dirfd;
};

static int open_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	struct fault why = {0};

	if (!place)
		return -1;
	snprintf(place->path, sizeof(place->path), "%.30s/bpfseal-local-XXXXXX",
		 tmp ? tmp : "/tmp");
	*state = place;
	return mkdtemp(place->path) ? dir_open(place->path, &place->dirfd, &why) : -1;
}

static int close_place(void **state)
{
	struct place *place = *state;
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	if (names_list(place->dirfd, &names, &why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (file_remove_at(place->dirfd, names.name[i], &why))
			return -1;
	close(place->dirfd);
	rmdir(place->path);
	free(place);
	return 0;
}

static void assert_quoted(const char *role, const char *wanted)
{
	OWNED(drop_heap) char *quoted = NULL;
	struct fault why = {0};

	assert_int_equal(role_quote(role, &quoted, &why), 0);
	assert_string_equal(quoted, wanted);
}

static void a_role_name_is_quoted_into_a_file_name(void **state)
{
	OWNED(drop_heap) char *quoted = NULL;
	struct fault why = {0};
	char longest[230];

	(void)state;
	assert_quoted("delegated", "delegated");
	assert_quoted("A-z_0.9", "A-z_0.9");
	assert_quoted("net/a", "net%2Fa");
	assert_quoted("?", "%3F");
	assert_quoted("#", "%23");
	assert_quoted("../x", "..%2Fx");
	assert_quoted("a%2Fb", "a%252Fb");
	assert_quoted("\xc3\xa9 ~", "%C3%A9%20%7E");
	assert_int_equal(role_quote("", &quoted, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(role_quote(longest, &quoted, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	memset(longest, '/', 100);
	longest[100] = '\0';
	assert_int_equal(role_quote(longest, &quoted, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	assert_null(quoted);
}

static void a_role_file_carries_its_version(void **state)
{
	OWNED(drop_heap) char *numbered = NULL;
	OWNED(drop_heap) char *plain = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(role_file("a/b", 9007199254740991, &numbered, &why), 0);
	assert_string_equal(numbered, "9007199254740991.a%2Fb.json");
	assert_int_equal(role_file("timestamp", 0, &plain, &why), 0);
	assert_string_equal(plain, "timestamp.json");
}

static void assert_target_file(const char *path, bool consistent, const char *wanted)
{
	struct target target = {.path = path, .has_sha256 = true};
	OWNED(drop_heap) char *file = NULL;
	struct fault why = {0};

	assert_int_equal(target_file(&target, consistent, &file, &why), wanted ? 0 : -1);
	if (wanted)
		assert_string_equal(file, wanted);
	else
		assert_int_equal(why.code, FAULT_FORMAT);
}

static void the_digest_goes_before_the_last_part_of_a_target_path(void **state)
{
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
	(void)state;
	assert_target_file("a", true, ZEROS ".a");
	assert_target_file("a/b/c.txt", true, "a/b/" ZEROS ".c.txt");
	assert_target_file("a/b/c.txt", false, "a/b/c.txt");
	assert_target_file("a..b/...", true, "a..b/" ZEROS "....");
	assert_target_file("/a", true, NULL);
	assert_target_file("a/", true, NULL);
	assert_target_file("a//b", true, NULL);
	assert_target_file("../a", true, NULL);
	assert_target_file("a/../b", false, NULL);
	assert_target_file("a/.", true, NULL);
	assert_target_file("", true, NULL);
}

static void the_long_digest_names_the_file_where_there_is_no_other(void **state)
{
	struct target target = {.path = "a", .has_sha512 = true};
	OWNED(drop_heap) char *file = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(target_file(&target, true, &file, &why), 0);
	assert_string_equal(file, ZEROS ZEROS ".a");
	target.has_sha512 = false;
	free(HAND_OVER(file));
	assert_int_equal(target_file(&target, true, &file, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void what_is_kept_is_loaded_again_byte_for_byte(void **state)
{
	struct place *place = *state;
	struct local local = {.dirfd = place->dirfd, .roots_dirfd = -1, .mode = 0600};
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	assert_int_equal(local_load(&local, "a/b", &data, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_int_equal(local_keep(&local, "a/b", 1, "one \n", 5, &why), 0);
	assert_int_equal(local_keep(&local, "a/b", 2, "two  ", 5, &why), 0);
	assert_int_equal(local_load(&local, "a/b", &data, &why), 0);
	assert_string_equal(bytes_text(&data), "two  ");
	bytes_drop(&data);
	assert_int_equal(file_read_at(place->dirfd, "a%2Fb.json", 100, &data, &why), 0);
	assert_string_equal(bytes_text(&data), "two  ");
}

static void every_root_is_also_kept_under_its_number(void **state)
{
	struct place *place = *state;
	struct local local = {.dirfd = place->dirfd, .roots_dirfd = place->dirfd, .mode = 0600};
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	assert_int_equal(local_keep(&local, "root", 2, "two", 3, &why), 0);
	assert_int_equal(local_keep(&local, "root", 3, "three", 5, &why), 0);
	assert_int_equal(local_keep(&local, "targets", 3, "t", 1, &why), 0);
	assert_int_equal(names_list(place->dirfd, &names, &why), 0);
	assert_int_equal(names.count, 4);
	assert_string_equal(names.name[0], "2.root.json");
	assert_string_equal(names.name[1], "3.root.json");
	assert_string_equal(names.name[2], "root.json");
	assert_string_equal(names.name[3], "targets.json");
	assert_int_equal(local_load(&local, "root", &data, &why), 0);
	assert_string_equal(bytes_text(&data), "three");
}

static void the_clock_floor_rises_and_never_falls(void **state)
{
	struct place *place = *state;
	struct fault why = {0};

	assert_int_equal(local_clock_check(place->dirfd, 5, &why), 0);
	assert_int_equal(local_clock_raise(place->dirfd, 1000, &why), 0);
	assert_int_equal(local_clock_raise(place->dirfd, 10, &why), 0);
	assert_int_equal(local_clock_check(place->dirfd, 1000, &why), 0);
	assert_int_equal(local_clock_check(place->dirfd, 999, &why), -1);
	assert_int_equal(why.code, FAULT_CLOCK);
	assert_true(why.fix[0] != '\0');
	assert_int_equal(local_clock_raise(place->dirfd, INT64_C(5000000000), &why), 0);
	assert_int_equal(local_clock_check(place->dirfd, INT64_C(4999999999), &why), -1);
	assert_int_equal(why.code, FAULT_CLOCK);
}

static void a_damaged_clock_file_is_refused_not_forgotten(void **state)
{
	static const char *const texts[] = {"", "x", "2027-01-15T08:00:00Z trailing"};
	struct place *place = *state;

	for (size_t i = 0; i < 3; i++) {
		struct fault why = {0};

		assert_int_equal(file_replace_at(place->dirfd, "clock", texts[i], strlen(texts[i]),
						 0600, &why),
				 0);
		assert_int_equal(local_clock_check(place->dirfd, 1, &why), -1);
		assert_int_equal(local_clock_raise(place->dirfd, 1, &why), -1);
	}
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_name_is_quoted_into_a_file_name),
		cmocka_unit_test(a_role_file_carries_its_version),
		cmocka_unit_test(the_digest_goes_before_the_last_part_of_a_target_path),
		cmocka_unit_test(the_long_digest_names_the_file_where_there_is_no_other),
		WITH_PLACE(what_is_kept_is_loaded_again_byte_for_byte),
		WITH_PLACE(every_root_is_also_kept_under_its_number),
		WITH_PLACE(the_clock_floor_rises_and_never_falls),
		WITH_PLACE(a_damaged_clock_file_is_refused_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
