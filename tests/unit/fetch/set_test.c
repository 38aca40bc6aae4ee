// SPDX-License-Identifier: Apache-2.0
#include "fetch/set.h"

#include "tests/unit/fetch/place.h"

#include "base/owned.h"

static bool switch_to(struct place *place, const char *timestamp, const char *root)
{
	OWNED(set_drop) struct set *set = NULL;
	struct fault why = {0};
	bool switched;

	assert_int_equal(set_new(&set, &why), 0);
	assert_int_equal(set_add(set, "timestamp.json", timestamp, strlen(timestamp), &why), 0);
	if (root)
		assert_int_equal(set_add(set, "1.root.json", root, strlen(root), &why), 0);
	assert_int_equal(set_switch(set, place->fd, &switched, &why), 0);
	return switched;
}

static uint64_t current(const struct place *place)
{
	struct fault why = {0};
	uint64_t number;

	assert_int_equal(set_current(place->fd, &number, &why), 0);
	return number;
}

static void the_first_set_becomes_current(void **state)
{
	struct place *place = *state;
	char text[64] = "";

	assert_int_equal(current(place), 0);
	assert_true(switch_to(place, "t1", "r1"));
	assert_int_equal(current(place), 1);
	assert_true(readlink(place_path(place, "current"), text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "sets/000000000001");
	place_expect(place, "current/timestamp.json", "t1");
	place_expect(place, "current/1.root.json", "r1");
}

static void the_same_bytes_make_no_new_set(void **state)
{
	struct place *place = *state;

	assert_true(switch_to(place, "t1", "r1"));
	assert_false(switch_to(place, "t1", "r1"));
	assert_int_equal(current(place), 1);
	assert_int_equal(place_count(place, "sets"), 1);
}

static void a_file_more_or_less_makes_a_new_set(void **state)
{
	struct place *place = *state;

	assert_true(switch_to(place, "t1", "r1"));
	assert_true(switch_to(place, "t1", NULL));
	assert_true(switch_to(place, "t1", "r1"));
	assert_int_equal(current(place), 3);
}

static void only_two_sets_are_kept(void **state)
{
	struct place *place = *state;

	for (int i = 0; i < 5; i++) {
		char text[16];

		snprintf(text, sizeof(text), "t%d", i);
		assert_true(switch_to(place, text, NULL));
	}
	assert_int_equal(current(place), 5);
	assert_int_equal(place_count(place, "sets"), 2);
	place_expect(place, "sets/000000000004/timestamp.json", "t3");
	place_expect(place, "sets/000000000005/timestamp.json", "t4");
}

static void a_damaged_current_set_is_written_anew(void **state)
{
	struct place *place = *state;

	assert_true(switch_to(place, "t1", NULL));
	place_write(place, "sets/000000000001/timestamp.json", "tX");
	assert_true(switch_to(place, "t1", NULL));
	place_expect(place, "current/timestamp.json", "t1");
}

// Killed before the rename of the directory, and after it but before the link.
static void what_a_kill_left_behind_is_in_nobodys_way(void **state)
{
	struct place *place = *state;

	assert_true(switch_to(place, "t1", NULL));
	mkdir(place_path(place, "sets/.tmp-set"), 0750);
	place_write(place, "sets/.tmp-set/timestamp.json", "half");
	mkdir(place_path(place, "sets/000000000002"), 0750);
	place_write(place, "sets/000000000002/timestamp.json", "t2");
	assert_int_equal(symlink("sets/000000000002", place_path(place, ".tmp-current")), 0);
	assert_int_equal(current(place), 1);
	assert_true(switch_to(place, "t3", NULL));
	assert_int_equal(current(place), 3);
	place_expect(place, "current/timestamp.json", "t3");
	assert_false(place_has(place, "sets/.tmp-set"));
	assert_false(place_has(place, ".tmp-current"));
}

static void a_link_to_elsewhere_is_not_followed(void **state)
{
	static const char *const odd[] = {
		"/etc", "sets/../../x", "sets/1", "sets/000000000000", "sets/00000000000a", ""};
	struct place *place = *state;

	for (size_t i = 0; odd[i][0]; i++) {
		assert_int_equal(symlink(odd[i], place_path(place, "current")), 0);
		assert_int_equal(current(place), 0);
		assert_int_equal(unlink(place_path(place, "current")), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_set_becomes_current, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(the_same_bytes_make_no_new_set, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(a_file_more_or_less_makes_a_new_set, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(only_two_sets_are_kept, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_current_set_is_written_anew, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(what_a_kill_left_behind_is_in_nobodys_way,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(a_link_to_elsewhere_is_not_followed, place_set_up,
						place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
