// SPDX-License-Identifier: Apache-2.0
// The log over many files; what stands in one is in file_test.c.
#include "base/audit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/volume.h"
#include "tests/unit/place.h"

#define LOG "audit.log"

// A record of so many kilobytes: two of 30 fill a file.
static int add(const struct place *place, size_t kilobytes, struct fault *why)
{
	OWNED(drop_heap) char *text = calloc(1, kilobytes * 1024 + 1);
	struct json *details = json_make_object();

	assert_non_null(text);
	memset(text, 'x', kilobytes * 1024);
	assert_int_equal(json_put_text(details, "what", text, why), 0);
	return audit_append(place->fd, LOG, 1000, "applied", details, why);
}

static void fill(const struct place *place, unsigned records, size_t kilobytes)
{
	struct fault why = {0};

	for (unsigned i = 0; i < records; i++)
		assert_int_equal(add(place, kilobytes, &why), 0);
}

static size_t volumes_of(const struct place *place, uint64_t *last)
{
	OWNED(volume_drop) struct volumes volumes = {0};
	struct fault why = {0};

	assert_int_equal(volume_list(place->fd, LOG, &volumes, &why), 0);
	if (last && volumes.count)
		*last = volumes.first[volumes.count - 1];
	return volumes.count;
}

static void is_whole(const struct place *place, uint64_t records)
{
	struct fault why = {0};
	uint64_t found = 0;

	assert_int_equal(audit_check(place->fd, LOG, &found, &why), 0);
	assert_int_equal(found, records);
}

static void is_damaged_at(const struct place *place, const char *record)
{
	struct fault why = {0};
	uint64_t found = 0;

	assert_int_equal(audit_check(place->fd, LOG, &found, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	if (!strstr(why.text, record) && !strstr(why.cause, record))
		fail_msg("%s, %s", why.text, why.cause);
}

static void edit(const struct place *place, const char *file, const char *what)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	char *at;

	assert_int_equal(file_read_at(place->fd, file, 4 << 20, &text, &why), 0);
	// The last one: of a file of two records, what the next file holds the digest of.
	at = NULL;
	for (char *next = (char *)text.data; (next = strstr(next, what)); next++)
		at = next;
	assert_non_null(at);
	at[0] ^= 0x20;
	assert_int_equal(file_replace_at(place->fd, file, text.data, text.len, 0600, &why), 0);
}

static void a_full_file_is_put_away_and_the_chain_goes_on(void **state)
{
	const struct place *place = *state;
	struct stat st;
	uint64_t last = 0;

	fill(place, 7, 30);
	assert_int_equal(volumes_of(place, &last), 3);
	assert_int_equal(last, 4);
	assert_int_equal(fstatat(place->fd, LOG ".000000000002", &st, 0), 0);
	assert_true(st.st_size <= AUDIT_FILE_MAX);
	is_whole(place, 7);
}

static void a_record_longer_than_a_file_has_one_of_its_own(void **state)
{
	const struct place *place = *state;

	fill(place, 1, 1);
	fill(place, 2, 300);
	fill(place, 1, 1);
	assert_int_equal(volumes_of(place, NULL), 3);
	is_whole(place, 4);
}

static void what_is_edited_in_an_old_file_is_named(void **state)
{
	const struct place *place = *state;

	fill(place, 7, 30);
	edit(place, LOG ".000000000002", "applied");
	is_damaged_at(place, "record 4");
}

static void a_file_that_is_gone_from_the_middle_is_missed(void **state)
{
	const struct place *place = *state;

	fill(place, 7, 30);
	assert_int_equal(unlinkat(place->fd, LOG ".000000000002", 0), 0);
	is_damaged_at(place, "record 2 is missing");
}

// Only we may remove the first ones, and only when there are too many.
static void a_file_that_is_gone_from_the_beginning_is_missed(void **state)
{
	const struct place *place = *state;

	fill(place, 7, 30);
	assert_int_equal(unlinkat(place->fd, LOG ".000000000000", 0), 0);
	is_damaged_at(place, "record 0 is missing");
}

static void files_in_another_order_are_seen(void **state)
{
	const struct place *place = *state;

	fill(place, 7, 30);
	assert_int_equal(renameat2(place->fd, LOG ".000000000000", place->fd, LOG ".000000000002",
				   RENAME_EXCHANGE),
			 0);
	is_damaged_at(place, "record 0 is missing");
}

static void nothing_is_added_behind_an_old_file_that_ends_otherwise(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	fill(place, 3, 30);
	assert_int_equal(volumes_of(place, NULL), 1);
	// The last record of the full file; the newest file holds its digest.
	edit(place, LOG ".000000000000", "applied");
	assert_int_equal(add(place, 1, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_true(why.fix[0]);
}

// The instant between the two: the full file is put away, and the new one is not there yet.
static void a_crash_at_the_turn_leaves_a_chain_that_goes_on(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	OWNED(drop_fd) int fd = -1;

	fill(place, 2, 30);
	assert_int_equal(volume_make(place->fd, LOG, 0, &why), 0);
	is_whole(place, 2);
	fill(place, 1, 1);
	is_whole(place, 3);
	// And with the new one there, but empty.
	assert_int_equal(volume_make(place->fd, LOG, 2, &why), 0);
	fd = openat(place->fd, LOG, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	fill(place, 1, 1);
	is_whole(place, 4);
}

static void what_is_torn_off_a_full_file_is_cut_before_it_is_put_away(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int fd = -1;

	fill(place, 2, 30);
	fd = openat(place->fd, LOG, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{\"details\"", 10), 10);
	fill(place, 1, 30);
	assert_int_equal(volumes_of(place, NULL), 1);
	is_whole(place, 3);
}

static void of_many_full_files_the_newest_stay(void **state)
{
	const struct place *place = *state;
	uint64_t last = 0;

	// One record a file: the first five files go.
	fill(place, AUDIT_VOLUMES + 6, 50);
	assert_int_equal(volumes_of(place, &last), AUDIT_VOLUMES);
	assert_int_equal(last, AUDIT_VOLUMES + 4);
	is_whole(place, AUDIT_VOLUMES + 1);
	edit(place, LOG ".000000000040", "applied");
	is_damaged_at(place, "record 41");
}

static void what_only_looks_like_a_file_of_the_log_is_none(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int fd = -1;

	fill(place, 3, 30);
	fd = openat(place->fd, LOG ".000000000099.gz", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	drop_fd(&fd);
	fd = openat(place->fd, LOG ".1", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(volumes_of(place, NULL), 1);
	is_whole(place, 3);
}

// All that was written until now becomes one file, as a bpfseal wrote it that kept its log in one.
static void make_one(const struct place *place)
{
	OWNED(volume_drop) struct volumes volumes = {0};
	OWNED(bytes_drop) struct bytes all = {0};
	struct fault why = {0};
	char name[VOLUME_NAME_MAX];

	assert_int_equal(volume_list(place->fd, LOG, &volumes, &why), 0);
	for (size_t i = 0; i <= volumes.count; i++) {
		OWNED(bytes_drop) struct bytes text = {0};

		if (i == volumes.count)
			snprintf(name, sizeof(name), LOG);
		else
			assert_int_equal(volume_name(LOG, volumes.first[i], name, &why), 0);
		assert_int_equal(file_read_at(place->fd, name, 4 << 20, &text, &why), 0);
		assert_int_equal(bytes_append(&all, text.data, text.len, &why), 0);
		assert_int_equal(unlinkat(place->fd, name, 0), 0);
	}
	assert_int_equal(file_replace_at(place->fd, LOG, all.data, all.len, 0600, &why), 0);
}

static void a_log_of_before_there_were_several_files_goes_on(void **state)
{
	const struct place *place = *state;

	fill(place, 12, 120);
	make_one(place);
	assert_int_equal(volumes_of(place, NULL), 0);
	fill(place, 3, 30);
	assert_int_equal(volumes_of(place, NULL), 2);
	is_whole(place, 15);
	edit(place, LOG ".000000000000", "applied");
	is_damaged_at(place, "record 12");
}

// Who makes us write much (a map of huge values set by hand, two thousand chains broken at once) stops no later record:
// neither an apply nor a denial goes on without one.
static void what_is_too_long_to_be_told_is_told_by_its_digest(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	fill(place, 1, 1);
	fill(place, 1, 3000);
	fill(place, 2, 1);
	is_whole(place, 4);
	assert_int_equal(file_read_at(place->fd, LOG, 1 << 20, &text, &why), 0);
	assert_non_null(strstr(bytes_text(&text), "\"too_long\""));
	assert_non_null(strstr(bytes_text(&text), "\"applied\""));
}

// Of the longest that is written as it is, too.
static void the_longest_record_stops_none_behind_it(void **state)
{
	const struct place *place = *state;

	for (size_t kilobytes = 1021; kilobytes <= 1025; kilobytes++) {
		fill(place, 1, kilobytes);
		fill(place, 1, 70);
	}
	is_whole(place, 10);
}

static int add_to(struct audit *log, struct fault *why)
{
	return audit_add(log, 1000, "applied", NULL, why);
}

static void what_is_checked_ahead_need_not_be_there_yet(void **state)
{
	const struct place *place = *state;
	OWNED(audit_drop) struct audit *log = NULL;
	struct fault why = {0};

	assert_int_equal(audit_new(place->fd, LOG, &log, &why), 0);
	assert_int_equal(audit_ready(log, &why), 0);
	assert_int_equal(faccessat(place->fd, LOG, F_OK, 0), -1);
	assert_int_equal(add_to(log, &why), 0);
	assert_int_equal(audit_ready(log, &why), 0);
	assert_int_equal(add_to(log, &why), 0);
	is_whole(place, 2);
}

static void what_others_write_behind_the_look_ahead_is_gone_on_from(void **state)
{
	const struct place *place = *state;
	OWNED(audit_drop) struct audit *log = NULL;
	struct fault why = {0};

	fill(place, 3, 30);
	assert_int_equal(audit_new(place->fd, LOG, &log, &why), 0);
	assert_int_equal(audit_ready(log, &why), 0);
	fill(place, 1, 1);
	assert_int_equal(add_to(log, &why), 0);
	assert_int_equal(audit_ready(log, &why), 0);
	fill(place, 2, 40); // the file is another one now
	assert_int_equal(add_to(log, &why), 0);
	is_whole(place, 8);
}

static void damage_is_told_ahead_and_again(void **state)
{
	const struct place *place = *state;
	OWNED(audit_drop) struct audit *log = NULL;
	struct fault why = {0};

	fill(place, 1, 1);
	assert_int_equal(audit_new(place->fd, LOG, &log, &why), 0);
	assert_int_equal(add_to(log, &why), 0);
	edit(place, LOG, "xxxx"); // in the first record, which the second vouches for
	assert_int_equal(audit_ready(log, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(add_to(log, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_full_file_is_put_away_and_the_chain_goes_on),
		IN_PLACE(a_record_longer_than_a_file_has_one_of_its_own),
		IN_PLACE(what_is_edited_in_an_old_file_is_named),
		IN_PLACE(a_file_that_is_gone_from_the_middle_is_missed),
		IN_PLACE(a_file_that_is_gone_from_the_beginning_is_missed),
		IN_PLACE(files_in_another_order_are_seen),
		IN_PLACE(nothing_is_added_behind_an_old_file_that_ends_otherwise),
		IN_PLACE(a_crash_at_the_turn_leaves_a_chain_that_goes_on),
		IN_PLACE(what_is_torn_off_a_full_file_is_cut_before_it_is_put_away),
		IN_PLACE(of_many_full_files_the_newest_stay),
		IN_PLACE(what_only_looks_like_a_file_of_the_log_is_none),
		IN_PLACE(a_log_of_before_there_were_several_files_goes_on),
		IN_PLACE(what_is_too_long_to_be_told_is_told_by_its_digest),
		IN_PLACE(the_longest_record_stops_none_behind_it),
		IN_PLACE(what_is_checked_ahead_need_not_be_there_yet),
		IN_PLACE(what_others_write_behind_the_look_ahead_is_gone_on_from),
		IN_PLACE(damage_is_told_ahead_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
