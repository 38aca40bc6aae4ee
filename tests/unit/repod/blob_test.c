// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "repod/blob.h"

struct place {
	char dir[64];
	int fd;
};

static int place_setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	assert_non_null(place);
	strcpy(place->dir, "/tmp/blob-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	assert_int_equal(dir_open(place->dir, &place->fd, &why), 0);
	*state = place;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *place = *state;
	char command[128];

	close(place->fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", place->dir);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static size_t files(const struct place *place)
{
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	assert_int_equal(names_list(place->fd, &names, &why), 0);
	return names.count;
}

static struct sha256 digest_of(const char *text)
{
	struct fault why = {0};
	struct sha256 digest;

	assert_int_equal(sha256_of(text, strlen(text), &digest, &why), 0);
	return digest;
}

static int put(const struct place *place, const char *text, const struct sha256 *wanted, bool *made,
	       struct fault *why)
{
	OWNED(upload_drop) struct upload *upload = NULL;

	if (upload_begin(place->fd, 100, &upload, why))
		return -1;
	for (; *text; text++)
		if (upload_add(upload, text, 1, why))
			return -1;
	return upload_keep(upload, wanted, made, why);
}

static void what_was_kept_is_read_back(void **state)
{
	struct place *place = *state;
	struct sha256 digest = digest_of("hello");
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	bool made = false;

	assert_int_equal(put(place, "hello", &digest, &made, &why), 0);
	assert_true(made);
	assert_int_equal(put(place, "hello", &digest, &made, &why), 0);
	assert_false(made);
	assert_int_equal(files(place), 1);
	assert_int_equal(blob_read(place->fd, &digest, 100, &data, &why), 0);
	assert_string_equal(bytes_text(&data), "hello");
}

static void other_bytes_leave_nothing_behind(void **state)
{
	struct place *place = *state;
	struct sha256 digest = digest_of("hello");
	struct fault why = {0};
	bool made = true;

	assert_int_equal(put(place, "hellO", &digest, &made, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(files(place), 0);
}

static void too_many_bytes_leave_nothing_behind(void **state)
{
	struct place *place = *state;
	OWNED(upload_drop) struct upload *upload = NULL;
	struct fault why = {0};
	char data[101] = {0};

	assert_int_equal(upload_begin(place->fd, 100, &upload, &why), 0);
	assert_int_equal(upload_add(upload, data, 100, &why), 0);
	assert_int_equal(upload_add(upload, data, 1, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	upload_drop(&upload);
	assert_int_equal(files(place), 0);
}

static void an_upload_that_is_dropped_half_way_leaves_nothing(void **state)
{
	struct place *place = *state;
	struct upload *upload = NULL;
	struct fault why = {0};

	assert_int_equal(upload_begin(place->fd, 100, &upload, &why), 0);
	assert_int_equal(upload_add(upload, "x", 1, &why), 0);
	assert_int_equal(files(place), 1);
	upload_drop(&upload);
	assert_int_equal(files(place), 0);
}

static void a_damaged_blob_is_refused_and_mended_by_uploading_again(void **state)
{
	struct place *place = *state;
	struct sha256 digest = digest_of("hello");
	OWNED(bytes_drop) struct bytes data = {0};
	char hex[SHA256_HEX];
	struct fault why = {0};
	bool made = false;

	sha256_hex(&digest, hex);
	assert_int_equal(file_replace_at(place->fd, hex, "jello", 5, 0600, &why), 0);
	assert_int_equal(blob_read(place->fd, &digest, 100, &data, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(put(place, "hello", &digest, &made, &why), 0);
	assert_true(made);
	assert_int_equal(blob_read(place->fd, &digest, 100, &data, &why), 0);
}

static void tidying_takes_leftovers_only(void **state)
{
	struct place *place = *state;
	struct sha256 digest = digest_of("hello");
	struct fault why = {0};
	size_t removed;
	bool made;

	assert_int_equal(put(place, "hello", &digest, &made, &why), 0);
	assert_int_equal(file_replace_at(place->fd, ".tmp-0123", "x", 1, 0600, &why), 0);
	assert_int_equal(blob_tidy(place->fd, &removed, &why), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(files(place), 1);
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(what_was_kept_is_read_back),
		PLACE_TEST(other_bytes_leave_nothing_behind),
		PLACE_TEST(too_many_bytes_leave_nothing_behind),
		PLACE_TEST(an_upload_that_is_dropped_half_way_leaves_nothing),
		PLACE_TEST(a_damaged_blob_is_refused_and_mended_by_uploading_again),
		PLACE_TEST(tidying_takes_leftovers_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
