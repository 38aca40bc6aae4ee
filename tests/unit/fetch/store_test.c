// SPDX-License-Identifier: Apache-2.0
#include "fetch/store.h"

#include "tests/unit/fetch/place.h"

#include "base/owned.h"

struct world {
	struct place place;
	struct store *store;
	struct sha256 digest; // of "hello"
	char blob[128];	      // its path below the place
};

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct fault why = {0};
	char hex[SHA256_HEX];

	place_make(&world->place);
	assert_int_equal(store_open(world->place.path, 0, &world->store, &why), 0);
	assert_int_equal(sha256_of("hello", 5, &world->digest, &why), 0);
	sha256_hex(&world->digest, hex);
	snprintf(world->blob, sizeof(world->blob), "blobs/%s", hex);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	store_free(world->store);
	place_remove(&world->place);
	free(world);
	return 0;
}

static void a_kept_blob_is_there_and_only_the_group_may_read_it(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	struct stat st;
	bool has;

	assert_int_equal(store_keep(world->store, &world->digest, "hello", 5, &why), 0);
	assert_int_equal(store_has(world->store, &world->digest, 5, &has, &why), 0);
	assert_true(has);
	assert_int_equal(store_read(world->store, &world->digest, 5, &data, &why), 0);
	assert_string_equal(bytes_text(&data), "hello");
	assert_int_equal(stat(place_path(&world->place, world->blob), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(stat(place_path(&world->place, "blobs"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
}

static void bytes_of_another_digest_are_not_kept(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	assert_int_equal(store_keep(world->store, &world->digest, "hellO", 5, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(place_count(&world->place, "blobs"), 0);
}

static void a_damaged_blob_counts_as_absent_and_is_mended(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	bool has;

	assert_int_equal(store_keep(world->store, &world->digest, "hello", 5, &why), 0);
	chmod(place_path(&world->place, world->blob), 0600);
	place_write(&world->place, world->blob, "hellO");
	assert_int_equal(store_has(world->store, &world->digest, 5, &has, &why), 0);
	assert_false(has);
	assert_int_equal(store_read(world->store, &world->digest, 5, &data, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	fault_clear(&why);
	assert_int_equal(store_keep(world->store, &world->digest, "hello", 5, &why), 0);
	place_expect(&world->place, world->blob, "hello");
}

static void a_blob_that_grew_counts_as_absent(void **state)
{
	struct world *world = *state;
	struct fault why = {0};
	bool has;

	place_write(&world->place, world->blob, "hello and more");
	assert_int_equal(store_has(world->store, &world->digest, 5, &has, &why), 0);
	assert_false(has);
}

static void a_symlink_is_no_blob(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	place_write(&world->place, "elsewhere", "hello");
	assert_int_equal(symlink("../elsewhere", place_path(&world->place, world->blob)), 0);
	assert_int_equal(store_read(world->store, &world->digest, 5, &data, &why), -1);
	assert_int_equal(data.len, 0);
}

static void a_second_fetcher_finds_the_store_busy(void **state)
{
	struct world *world = *state;
	struct store *second = NULL;
	struct fault why = {0};

	assert_int_equal(store_open(world->place.path, 0, &second, &why), -1);
	assert_int_equal(why.code, FAULT_BUSY);
	assert_null(second);
	store_drop(&world->store);
	fault_clear(&why);
	assert_int_equal(store_open(world->place.path, 0, &world->store, &why), 0);
}

static void a_repository_needs_a_plain_name(void **state)
{
	static const char *const odd[] = {"..", "a/b", "", "A", ".x"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct fault why = {0};
		int fd = -1;

		assert_int_equal(store_repository(world->store, odd[i], &fd, &why), -1);
		assert_int_equal(why.code, FAULT_CONFIG);
	}
	assert_int_equal(place_count(&world->place, "repo"), 0);
}

static void directories_hand_their_group_down(void **state)
{
	struct world *world = *state;
	struct fault why = {0};
	struct stat st;
	int fd = -1;

	assert_int_equal(chmod(place_path(&world->place, "repo"), 02750), 0);
	assert_int_equal(store_repository(world->store, "corp", &fd, &why), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02750);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_kept_blob_is_there_and_only_the_group_may_read_it,
						start, end),
		cmocka_unit_test_setup_teardown(bytes_of_another_digest_are_not_kept, start, end),
		cmocka_unit_test_setup_teardown(a_damaged_blob_counts_as_absent_and_is_mended,
						start, end),
		cmocka_unit_test_setup_teardown(a_blob_that_grew_counts_as_absent, start, end),
		cmocka_unit_test_setup_teardown(a_symlink_is_no_blob, start, end),
		cmocka_unit_test_setup_teardown(a_second_fetcher_finds_the_store_busy, start, end),
		cmocka_unit_test_setup_teardown(a_repository_needs_a_plain_name, start, end),
		cmocka_unit_test_setup_teardown(directories_hand_their_group_down, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
