// SPDX-License-Identifier: Apache-2.0
#include "loader/sweep.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "tests/unit/place.h"

// Digests by their last digits: all else is zeros.
#define ZEROS	     "00000000000000000000000000000000000000000000000000000000000000"
#define ACTIVE(hex)  "{\"schema\":\"bpfseal.record/1\",\"chains\":[{\"members\":[" hex "]}]}"
#define MEMBER(a, b) "{\"object\":\"" ZEROS a "\",\"manifest\":\"" ZEROS b "\"}"

static int set_up(void **state)
{
	const struct place *place;

	if (place_set_up(state))
		return -1;
	place = *state;
	return mkdirat(place->fd, "objects", 0700) || mkdirat(place->fd, "logs", 0700) ||
			       mkdirat(place->fd, "trust", 0700) ||
			       mkdirat(place->fd, "trust/corp", 0700)
		       ? -1
		       : 0;
}

static void put(const struct place *place, const char *path, const char *text)
{
	OWNED(drop_fd)
	int fd = openat(place->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct fault why = {0};

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text), &why), 0);
}

static bool has(const struct place *place, const char *path)
{
	return faccessat(place->fd, path, F_OK, 0) == 0;
}

static void what_killed_runs_left_goes_and_all_else_stays(void **state)
{
	static const char *const left[] = {".tmp-0123456789abcdef", "logs/.tmp-0123456789abcdef",
					   "objects/.tmp-0123456789abcdef",
					   "trust/corp/.tmp-0123456789abcdef"};
	static const char *const ours[] = {"lock", "audit.log", "logs/net.count.1.0.0.log",
					   "trust/corp/timestamp.json", "trust/corp/pin"};
	const struct place *place = *state;
	struct fault why = {0};

	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		put(place, left[i], "half");
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		put(place, ours[i], "whole");
	assert_int_equal(sweep_run(place->fd, &why), 0);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		assert_false(has(place, left[i]));
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		assert_true(has(place, ours[i]));
}

static void what_was_seen_in_an_object_goes_with_it(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	put(place, "active.json", ACTIVE(MEMBER("01", "02")));
	put(place, "objects/" ZEROS "01", "object");
	put(place, "objects/" ZEROS "01.seen", "seen");
	put(place, "objects/" ZEROS "05", "long gone");
	put(place, "objects/" ZEROS "05.seen", "seen");
	put(place, "objects/" ZEROS "01.other", "nobody's");
	assert_int_equal(sweep_run(place->fd, &why), 0);
	assert_true(has(place, "objects/" ZEROS "01"));
	assert_true(has(place, "objects/" ZEROS "01.seen"));
	assert_false(has(place, "objects/" ZEROS "05"));
	assert_false(has(place, "objects/" ZEROS "05.seen"));
	assert_false(has(place, "objects/" ZEROS "01.other"));
}

static void a_copy_that_no_record_names_is_removed(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	put(place, "active.json", ACTIVE(MEMBER("01", "02")));
	put(place, "previous.json", ACTIVE(MEMBER("01", "02") "," MEMBER("03", "04")));
	put(place, "objects/" ZEROS "01", "object");
	put(place, "objects/" ZEROS "02", "manifest");
	put(place, "objects/" ZEROS "03", "object of before");
	put(place, "objects/" ZEROS "04", "manifest of before");
	put(place, "objects/" ZEROS "05", "long gone");
	assert_int_equal(sweep_run(place->fd, &why), 0);
	assert_true(has(place, "objects/" ZEROS "01"));
	assert_true(has(place, "objects/" ZEROS "02"));
	assert_true(has(place, "objects/" ZEROS "03"));
	assert_true(has(place, "objects/" ZEROS "04"));
	assert_false(has(place, "objects/" ZEROS "05"));
}

static void a_damaged_record_keeps_every_copy(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	put(place, "active.json", ACTIVE(MEMBER("01", "02")));
	put(place, "previous.json", "{\"chains\":");
	put(place, "objects/" ZEROS "05", "who knows");
	assert_int_equal(sweep_run(place->fd, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_true(has(place, "objects/" ZEROS "05"));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, place_tear_down)

static void put_index(const struct place *place, const char *path, const char *name)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	assert_int_equal(index_new(name, &index, &why), 0);
	assert_int_equal(index_write(index, &text, &why), 0);
	put(place, path, bytes_text(&text));
}

// After a reboot in an outage it says what was withdrawn, and it may be newer than the record.
static void the_index_of_a_name_that_runs_stays(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	put(place, "active.json", ACTIVE("{\"name\":\"net/count\"}"));
	put_index(place, "objects/" ZEROS "aa", "net/count");
	put_index(place, "objects/" ZEROS "bb", "net/other");
	assert_int_equal(sweep_run(place->fd, &why), 0);
	assert_true(has(place, "objects/" ZEROS "aa"));
	assert_false(has(place, "objects/" ZEROS "bb"));
}

// Each release brings another index, one version longer than the one before.
static void of_many_indexes_of_a_name_the_one_that_the_metadata_names_stays(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	put(place, "active.json", ACTIVE("{\"name\":\"net/count\"}"));
	put_index(place, "objects/" ZEROS "aa", "net/count");
	put_index(place, "objects/" ZEROS "bb", "net/count");
	put_index(place, "objects/" ZEROS "cc", "net/count");
	put(place, "trust/corp/net.json", "{\"sha256\":\"" ZEROS "bb\"}");
	assert_int_equal(sweep_run(place->fd, &why), 0);
	assert_false(has(place, "objects/" ZEROS "aa"));
	assert_true(has(place, "objects/" ZEROS "bb"));
	assert_false(has(place, "objects/" ZEROS "cc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_killed_runs_left_goes_and_all_else_stays),
		IN_PLACE(what_was_seen_in_an_object_goes_with_it),
		IN_PLACE(a_copy_that_no_record_names_is_removed),
		IN_PLACE(a_damaged_record_keeps_every_copy),
		IN_PLACE(the_index_of_a_name_that_runs_stays),
		IN_PLACE(of_many_indexes_of_a_name_the_one_that_the_metadata_names_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
