// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/owned.h"
#include "repod/catalog.h"

struct place {
	char dir[64], path[96];
	struct catalog *catalog;
};

static int place_setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	assert_non_null(place);
	strcpy(place->dir, "/tmp/catalog-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/" CATALOG_FILE, place->dir);
	assert_int_equal(catalog_open(place->path, true, &place->catalog, &why), 0);
	*state = place;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *place = *state;
	char command[128];

	catalog_drop(&place->catalog);
	snprintf(command, sizeof(command), "rm -rf '%s'", place->dir);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static struct catalog_target target(const char *path, unsigned char fill)
{
	struct catalog_target row = {.path = path, .length = 5, .role = "net", .role_version = 3};

	memset(row.sha256.byte, fill, SHA256_SIZE);
	return row;
}

static void add(struct place *place, const char *path, unsigned char fill)
{
	struct catalog_target row = target(path, fill);
	struct fault why = {0};

	assert_int_equal(catalog_begin(place->catalog, &why), 0);
	assert_int_equal(catalog_add(place->catalog, &row, 1000, &why), 0);
	assert_int_equal(catalog_commit(place->catalog, &why), 0);
}

static bool has(struct place *place, const char *path, unsigned char fill)
{
	struct catalog_target row = target(path, fill);
	struct fault why = {0};
	bool found = false;

	assert_int_equal(catalog_has_target(place->catalog, path, &row.sha256, &found, &why), 0);
	return found;
}

static void a_target_is_found_by_path_and_digest_only(void **state)
{
	struct place *place = *state;

	add(place, "net/a/file", 1);
	assert_true(has(place, "net/a/file", 1));
	assert_false(has(place, "net/a/file", 2));
	assert_false(has(place, "net/a/other", 1));
	assert_false(has(place, "net/a/FILE", 1));
	assert_false(has(place, "' OR '1'='1", 1));
}

static void a_bundles_path_keeps_its_first_digest(void **state)
{
	struct place *place = *state;
	struct catalog_target other = target("net/count/1.0.0.bundle", 2);
	struct fault why = {0};
	struct sha256 digest;
	bool known;

	add(place, "net/count/1.0.0.bundle", 1);
	add(place, "net/count/1.0.0.bundle", 1);
	assert_int_equal(catalog_begin(place->catalog, &why), 0);
	assert_int_equal(catalog_add(place->catalog, &other, 1000, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	catalog_undo(place->catalog);
	assert_false(has(place, "net/count/1.0.0.bundle", 2));
	assert_int_equal(catalog_bundle_digest(place->catalog, "net/count/1.0.0.bundle", &known,
					       &digest, &why),
			 0);
	assert_true(known);
	assert_int_equal(digest.byte[0], 1);
}

struct seen {
	char paths[8][64];
	size_t count;
};

static int see(void *ctx, const struct catalog_bundle *bundle, struct fault *why)
{
	struct seen *seen = ctx;

	(void)why;
	assert_true(seen->count < 8);
	snprintf(seen->paths[seen->count++], 64, "%s", bundle->path);
	return 0;
}

static void bundles_are_listed_page_by_page_in_order(void **state)
{
	struct place *place = *state;
	struct seen seen = {0};
	struct fault why = {0};

	add(place, "net/b/1.0.0.bundle", 1);
	add(place, "net/a/2.0.0.bundle", 2);
	add(place, "net/a/1.0.0.bundle", 3);
	add(place, "net/a/index.json", 4);
	assert_int_equal(catalog_bundles(place->catalog, "", 2, see, &seen, &why), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.paths[0], "net/a/1.0.0.bundle");
	assert_int_equal(catalog_bundles(place->catalog, seen.paths[1], 2, see, &seen, &why), 0);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.paths[2], "net/b/1.0.0.bundle");
}

static void a_nonce_is_fresh_once_until_it_is_old(void **state)
{
	struct place *place = *state;
	struct fault why = {0};
	bool fresh = false;

	assert_int_equal(catalog_nonce(place->catalog, "n", 1000, 400, &fresh, &why), 0);
	assert_true(fresh);
	assert_int_equal(catalog_nonce(place->catalog, "n", 1001, 401, &fresh, &why), 0);
	assert_false(fresh);
	assert_int_equal(catalog_nonce(place->catalog, "n", 1601, 1001, &fresh, &why), 0);
	assert_true(fresh);
}

static void a_nonce_is_remembered_by_another_connection(void **state)
{
	struct place *place = *state;
	OWNED(catalog_drop) struct catalog *second = NULL;
	struct fault why = {0};
	bool fresh = false;

	assert_int_equal(catalog_nonce(place->catalog, "n", 1000, 400, &fresh, &why), 0);
	assert_int_equal(catalog_open(place->path, false, &second, &why), 0);
	assert_int_equal(catalog_nonce(second, "n", 1000, 400, &fresh, &why), 0);
	assert_false(fresh);
}

static void what_is_undone_is_gone_and_what_is_cleared_too(void **state)
{
	struct place *place = *state;
	struct catalog_target row = target("net/a/file", 1);
	struct fault why = {0};

	assert_int_equal(catalog_begin(place->catalog, &why), 0);
	assert_int_equal(catalog_add(place->catalog, &row, 1000, &why), 0);
	catalog_undo(place->catalog);
	assert_false(has(place, "net/a/file", 1));
	add(place, "net/a/file", 1);
	assert_int_equal(catalog_begin(place->catalog, &why), 0);
	assert_int_equal(catalog_clear(place->catalog, &why), 0);
	assert_int_equal(catalog_commit(place->catalog, &why), 0);
	assert_false(has(place, "net/a/file", 1));
}

static void the_mark_is_what_was_set_last(void **state)
{
	struct place *place = *state;
	struct sha256 one = {{1}}, two = {{2}}, have;
	struct fault why = {0};
	bool known = true;

	assert_int_equal(catalog_marked(place->catalog, &known, &have, &why), 0);
	assert_false(known);
	assert_int_equal(catalog_mark(place->catalog, &one, &why), 0);
	assert_int_equal(catalog_mark(place->catalog, &two, &why), 0);
	assert_int_equal(catalog_marked(place->catalog, &known, &have, &why), 0);
	assert_true(known);
	assert_true(sha256_equal(&have, &two));
}

// A57: whatever is done to the file, the answer is a refusal or a table, never a crash.
static void flipped_bytes_are_refused_or_harmless(void **state)
{
	struct place *place = *state;
	long size;

	for (int i = 0; i < 40; i++) {
		char path[48];

		snprintf(path, sizeof(path), "net/p%d/1.0.0.bundle", i);
		add(place, path, (unsigned char)i);
	}
	catalog_drop(&place->catalog);
	OWNED(drop_fd) int fd = open(place->path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	for (long at = 0; at < size; at += 97) {
		struct seen seen = {0};
		struct fault why = {0};
		unsigned char byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x55;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		if (catalog_open(place->path, true, &place->catalog, &why) == 0 &&
		    catalog_check(place->catalog, &why) == 0 &&
		    catalog_bundles(place->catalog, "", 4, see, &seen, &why))
			assert_int_not_equal(why.code, FAULT_NONE);
		catalog_drop(&place->catalog);
		byte ^= 0x55;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(a_target_is_found_by_path_and_digest_only),
		PLACE_TEST(a_bundles_path_keeps_its_first_digest),
		PLACE_TEST(bundles_are_listed_page_by_page_in_order),
		PLACE_TEST(a_nonce_is_fresh_once_until_it_is_old),
		PLACE_TEST(a_nonce_is_remembered_by_another_connection),
		PLACE_TEST(what_is_undone_is_gone_and_what_is_cleared_too),
		PLACE_TEST(the_mark_is_what_was_set_last),
		PLACE_TEST(flipped_bytes_are_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
