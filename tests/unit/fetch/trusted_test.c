// SPDX-License-Identifier: Apache-2.0
#include "fetch/trusted.h"

#include "tests/unit/fetch/place.h"

#include "base/owned.h"
#include "keys/local.h"

#define ROOT_A "{\"signatures\":[],\"signed\":{\"_type\":\"root\",\"version\":1}}"
#define ROOT_B "{\"signatures\":[],\"signed\":{\"_type\":\"root\",\"version\":4}}"

static void open_with(struct place *place, const char *root, struct trusted *trusted)
{
	OWNED(bytes_drop) struct bytes pinned = {0};
	struct fault why = {0};

	assert_int_equal(bytes_append_text(&pinned, root, &why), 0);
	assert_int_equal(trusted_open(place->fd, &pinned, trusted, &why), 0);
}

static void the_pinned_root_is_the_first_thing_trusted(void **state)
{
	struct place *place = *state;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};

	open_with(place, ROOT_A, &trusted);
	place_expect(place, "trusted/root.json", ROOT_A);
	place_expect(place, "roots/1.root.json", ROOT_A);
	assert_true(place_has(place, "trusted/pin"));
}

static void what_was_trusted_since_stays_under_the_same_pin(void **state)
{
	struct place *place = *state;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};
	struct fault why = {0};

	open_with(place, ROOT_A, &trusted);
	struct local local = {
		.dirfd = trusted.dirfd, .roots_dirfd = trusted.roots_dirfd, .mode = 0640};
	assert_int_equal(local_keep(&local, "root", 2, "{}", 2, &why), 0);
	trusted_drop(&trusted);
	open_with(place, ROOT_A, &trusted);
	place_expect(place, "trusted/root.json", "{}");
	place_expect(place, "roots/2.root.json", "{}");
}

static void another_pin_begins_anew_and_keeps_the_old_aside(void **state)
{
	struct place *place = *state;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};

	for (int i = 0; i < 2; i++) {
		open_with(place, ROOT_A, &trusted);
		place_write(place, "trusted/timestamp.json", "old");
		trusted_drop(&trusted);
		open_with(place, ROOT_B, &trusted);
		place_expect(place, "trusted/root.json", ROOT_B);
		assert_false(place_has(place, "trusted/timestamp.json"));
		assert_false(place_has(place, "roots/1.root.json"));
		place_expect(place, "trusted.old/timestamp.json", "old");
		place_expect(place, "roots.old/1.root.json", ROOT_A);
		trusted_drop(&trusted);
	}
}

static void without_its_pin_a_directory_is_not_whole(void **state)
{
	struct place *place = *state;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};

	open_with(place, ROOT_A, &trusted);
	place_write(place, "trusted/root.json", "{\"planted\":1}");
	assert_int_equal(unlink(place_path(place, "trusted/pin")), 0);
	trusted_drop(&trusted);
	open_with(place, ROOT_A, &trusted);
	place_expect(place, "trusted/root.json", ROOT_A);
}

static void leftovers_of_a_killed_sync_go_with_the_next(void **state)
{
	struct place *place = *state;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};

	open_with(place, ROOT_A, &trusted);
	place_write(place, "trusted/.tmp-0123456789abcdef", "half");
	place_write(place, "roots/.tmp-0123456789abcdef", "half");
	trusted_drop(&trusted);
	open_with(place, ROOT_A, &trusted);
	assert_false(place_has(place, "trusted/.tmp-0123456789abcdef"));
	assert_false(place_has(place, "roots/.tmp-0123456789abcdef"));
	place_expect(place, "trusted/root.json", ROOT_A);
	place_expect(place, "roots/1.root.json", ROOT_A);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_pinned_root_is_the_first_thing_trusted,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(what_was_trusted_since_stays_under_the_same_pin,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(another_pin_begins_anew_and_keeps_the_old_aside,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(leftovers_of_a_killed_sync_go_with_the_next,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(without_its_pin_a_directory_is_not_whole,
						place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
