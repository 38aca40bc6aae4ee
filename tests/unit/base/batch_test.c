// SPDX-License-Identifier: Apache-2.0
#include "base/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "tests/unit/place.h"

static size_t entries(const struct place *place)
{
	OWNED(names_drop) struct names names = {0};
	struct fault why = {0};

	assert_int_equal(names_list(place->fd, &names, &why), 0);
	return names.count;
}

static void holds(const struct place *place, const char *name, const char *text)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};

	assert_int_equal(file_read_at(place->fd, name, 100, &bytes, &why), 0);
	assert_string_equal(bytes_text(&bytes), text);
}

static void store(struct batch *batch, const char *name, const char *text)
{
	struct fault why = {0};

	if (batch_store(batch, name, text, strlen(text), 0400, &why))
		fail_msg("%s", why.text);
}

static void what_is_stored_has_its_name_when_it_is_settled(void **state)
{
	const struct place *place = *state;
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};
	struct stat st;

	store(&batch, "one", "1");
	store(&batch, "two", "22");
	store(&batch, "one", "1");
	assert_int_equal(batch.count, 2);
	assert_int_equal(faccessat(place->fd, "one", F_OK, 0), -1);
	assert_int_equal(batch_settle(&batch, &why), 0);
	assert_int_equal(entries(place), 2);
	holds(place, "one", "1");
	holds(place, "two", "22");
	assert_int_equal(fstatat(place->fd, "one", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	// Empty again, and good for more.
	assert_int_equal(batch_settle(&batch, &why), 0);
	store(&batch, "three", "3");
	assert_int_equal(batch_settle(&batch, &why), 0);
	assert_int_equal(entries(place), 3);
}

static void what_is_not_settled_leaves_nothing(void **state)
{
	const struct place *place = *state;
	struct batch batch = {.dirfd = place->fd};

	store(&batch, "one", "1");
	store(&batch, "two", "2");
	assert_int_equal(batch.count, 2);
	batch_drop(&batch);
	assert_int_equal(entries(place), 0);
}

static void what_is_drafted_has_no_name_yet_and_may_still_be_dropped(void **state)
{
	const struct place *place = *state;
	struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	store(&batch, "one", "1");
	assert_int_equal(batch_draft(&batch, &why), 0);
	assert_int_equal(batch.drafted, 1);
	assert_int_equal(entries(place), 1);
	assert_int_equal(faccessat(place->fd, "one", F_OK, 0), -1);
	batch_drop(&batch);
	assert_int_equal(entries(place), 0);
	assert_int_equal(batch.drafted, 0);
}

static void what_is_drafted_ahead_is_settled_with_what_came_later(void **state)
{
	const struct place *place = *state;
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	assert_int_equal(batch_draft(&batch, &why), 0);
	assert_int_equal(file_replace_at(place->fd, "one", "old", 3, 0400, &why), 0);
	store(&batch, "one", "1");
	assert_int_equal(batch_draft(&batch, &why), 0);
	holds(place, "one", "old");
	store(&batch, "two", "22");
	assert_int_equal(batch_settle(&batch, &why), 0);
	assert_int_equal(entries(place), 2);
	holds(place, "one", "1");
	holds(place, "two", "22");
	store(&batch, "three", "3");
	assert_int_equal(batch_settle(&batch, &why), 0);
	assert_int_equal(entries(place), 3);
}

static void a_note_comes_with_the_others_and_replaces_what_is_there(void **state)
{
	const struct place *place = *state;
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "note", "old", 3, 0600, &why), 0);
	store(&batch, "one", "1");
	assert_int_equal(batch_note(&batch, "note", "new", 3, 0600, &why), 0);
	holds(place, "note", "old");
	assert_int_equal(batch_settle(&batch, &why), 0);
	holds(place, "note", "new");
	holds(place, "one", "1");
	assert_int_equal(entries(place), 2);
}

static void what_is_there_is_not_written_and_what_is_damaged_is(void **state)
{
	const struct place *place = *state;
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "sound", "text", 4, 0400, &why), 0);
	assert_int_equal(file_replace_at(place->fd, "damaged", "tex?", 4, 0400, &why), 0);
	assert_int_equal(file_replace_at(place->fd, "longer", "text?", 5, 0400, &why), 0);
	store(&batch, "sound", "text");
	assert_int_equal(batch.count, 0);
	store(&batch, "damaged", "text");
	store(&batch, "longer", "text");
	assert_int_equal(batch_settle(&batch, &why), 0);
	holds(place, "damaged", "text");
	holds(place, "longer", "text");
	assert_int_equal(entries(place), 3);
}

static void one_that_cannot_be_put_in_place_is_told_and_no_draft_is_left(void **state)
{
	const struct place *place = *state;
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	assert_int_equal(mkdirat(place->fd, "two", 0700), 0);
	assert_int_equal(mkdirat(place->fd, "two/full", 0700), 0);
	store(&batch, "one", "1");
	store(&batch, "two", "2");
	store(&batch, "three", "3");
	assert_int_equal(batch_settle(&batch, &why), -1);
	assert_non_null(strstr(why.text, "two"));
	assert_int_equal(entries(place), 2);
	holds(place, "one", "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_stored_has_its_name_when_it_is_settled),
		TEST(what_is_not_settled_leaves_nothing),
		TEST(what_is_drafted_has_no_name_yet_and_may_still_be_dropped),
		TEST(what_is_drafted_ahead_is_settled_with_what_came_later),
		TEST(a_note_comes_with_the_others_and_replaces_what_is_there),
		TEST(what_is_there_is_not_written_and_what_is_damaged_is),
		TEST(one_that_cannot_be_put_in_place_is_told_and_no_draft_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
