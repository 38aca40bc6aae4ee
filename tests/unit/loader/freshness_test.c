// SPDX-License-Identifier: Apache-2.0
#include "loader/freshness.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"

#define NOW  INT64_C(1800000000)
#define HOUR 3600
#define DAY  86400
// The fetcher says nothing.
#define NO_WORD INT64_MIN
#define TIMES	"\"root\":[1831536000,1800000000],"

struct place {
	char path[64];
	int store, trust;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};
	OWNED(drop_fd) int fd = -1;

	strcpy(place->path, "/tmp/bpfseal-fresh-XXXXXX");
	if (!mkdtemp(place->path) || dir_open(place->path, &fd, &why) ||
	    mkdirat(fd, "store", 0700) || mkdirat(fd, "trust", 0700) ||
	    mkdirat(fd, "trust/corp", 0700) || mkdirat(fd, "store/repo", 0700) ||
	    mkdirat(fd, "store/repo/corp", 0700) || mkdirat(fd, "store/repo/corp/trusted", 0700) ||
	    dir_open_at(fd, "store", &place->store, &why) ||
	    dir_open_at(fd, "trust", &place->trust, &why))
		return -1;
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	close(place->store);
	close(place->trust);
	snprintf(command, sizeof(command), "rm -r %s", place->path);
	if (system(command))
		return -1;
	free(place);
	return 0;
}

static void put(int dirfd, const char *path, const char *text)
{
	OWNED(drop_fd) int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct fault why = {0};

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text), &why), 0);
}

// One repository, its roles as the text says, refreshed so many seconds ago.
static struct freshness look(const struct place *place, const char *roles, int64_t age)
{
	struct node_repository corp = {.name = (char *)"corp"};
	const struct node node = {.repositories = &corp, .repository_count = 1};
	OWNED(freshness_drop) struct freshness_list list = {0};
	struct fault why = {0};
	char text[512];
	time_t when = (time_t)(age == NO_WORD ? NOW : NOW - age);
	struct tm tm;

	if (roles) {
		snprintf(text, sizeof(text), "{\"roles\":{%s},\"schema\":\"bpfseal.expiry/1\"}",
			 roles);
		put(place->trust, "corp/" EXPIRY_FILE, text);
	}
	if (age != NO_WORD) {
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ\n", gmtime_r(&when, &tm));
		put(place->store, "repo/corp/trusted/clock", text);
	}
	assert_int_equal(freshness_read(&node, place->store, place->trust, NOW, &list, &why), 0);
	assert_int_equal(list.count, 1);
	return list.list[0];
}

static void what_was_just_refreshed_is_good(void **state)
{
	struct freshness one =
		look(*state, TIMES "\"timestamp\":[1800080000,1799990000]", 2 * HOUR);

	assert_int_equal(freshness_state(&one), FRESHNESS_GOOD);
	assert_int_equal(one.refreshed_at, NOW - 2 * HOUR);
	assert_string_equal(one.first.role, "timestamp");
	assert_int_equal(one.first.expires, 1800080000);
}

static void the_last_quarter_of_a_short_life_is_soon(void **state)
{
	// Of a day, five hours are left: the server did not renew it at half of it.
	struct freshness one = look(*state, TIMES "\"timestamp\":[1800018000,1799931600]", HOUR);

	assert_int_equal(freshness_state(&one), FRESHNESS_SOON);
}

static void a_delegated_role_that_is_forgotten_is_not_hidden_by_a_timestamp(void **state)
{
	// Four days of ninety; the timestamp expires before, and is renewed before.
	struct freshness one = look(*state,
				    TIMES "\"timestamp\":[1800080000,1799990000],"
					  "\"net\":[1800345600,1792569600],"
					  "\"deny\":[1803345600,1795569600]",
				    HOUR);

	assert_int_equal(freshness_state(&one), FRESHNESS_SOON);
	assert_string_equal(one.first.role, "net");
	assert_int_equal(one.role_count, 3);
}

static void what_has_expired_is_said_before_all_else(void **state)
{
	struct freshness one = look(*state,
				    TIMES "\"snapshot\":[1799999999,1799400000],"
					  "\"timestamp\":[1800000001,1799990000]",
				    2 * DAY);

	assert_int_equal(freshness_state(&one), FRESHNESS_EXPIRED);
	assert_string_equal(one.first.role, "snapshot");
}

// A23: expiry alone would let a server hide for a week what it has taken back.
static void what_was_not_refreshed_for_a_day_is_old(void **state)
{
	struct freshness one = look(*state, TIMES "\"timestamp\":[1800600000,1799990000]", DAY);

	assert_int_equal(freshness_state(&one), FRESHNESS_OLD);
}

// The time is the word of the fetcher, which is not trusted: one that writes down tomorrow, or nothing at all, makes nothing
// fresh by that.
static void what_nobody_credibly_refreshed_is_not_good(void **state)
{
	static const char *const roles = TIMES "\"timestamp\":[1800600000,1799990000]";
	struct freshness one = look(*state, roles, NO_WORD);

	assert_int_equal(freshness_state(&one), FRESHNESS_OLD);
	one = look(*state, roles, -30 * DAY);
	assert_int_equal(freshness_state(&one), FRESHNESS_OLD);
	assert_int_equal(one.refreshed_at, 0);
	// A clock that was put right by some seconds meanwhile.
	one = look(*state, roles, -20);
	assert_int_equal(freshness_state(&one), FRESHNESS_GOOD);
}

static void what_was_never_verified_is_nothing_yet(void **state)
{
	struct freshness one = look(*state, NULL, NO_WORD);

	assert_int_equal(freshness_state(&one), FRESHNESS_NEVER);
	assert_int_equal(one.refreshed_at, 0);
	one = look(*state, "\"root\":3", NO_WORD);
	assert_int_equal(freshness_state(&one), FRESHNESS_EXPIRED);
}

static void a_span_is_told_in_what_people_count_in(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} known[] = {{-5, "0 s"},	   {119, "119 s"},
		     {120, "2 min"},	   {7199, "119 min"},
		     {7260, "2 h 1 min"},  {2 * DAY - 1, "47 h 59 min"},
		     {2 * DAY, "2 d 0 h"}, {90 * DAY + HOUR, "90 d 1 h"}};
	char text[FRESHNESS_SPAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		freshness_span(known[i].seconds, text);
		assert_string_equal(text, known[i].text);
	}
}

static void metrics_tell_each_role_that_matters(void **state)
{
	struct freshness one = look(*state,
				    TIMES "\"timestamp\":[1800080000,1799990000],"
					  "\"net\":[1800345600,1792569600]",
				    HOUR);
	const struct freshness_list list = {.list = &one, .count = 1};
	struct exposition exposition = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	one.repository = "corp";
	assert_int_equal(freshness_gauges(&list, &exposition, &why), 0);
	assert_int_equal(exposition_write(&exposition, &text, &why), 0);
	exposition_drop(&exposition);
	assert_non_null(strstr(bytes_text(&text), "bpfseal_repository_refreshed_timestamp_seconds"
						  "{repository=\"corp\"} 1799996400\n"));
	assert_non_null(strstr(bytes_text(&text),
			       "bpfseal_repository_expires_timestamp_seconds"
			       "{repository=\"corp\",role=\"net\"} 1800345600\n"));
	assert_non_null(strstr(bytes_text(&text), "role=\"timestamp\"} 1800080000\n"));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_was_just_refreshed_is_good),
		IN_PLACE(the_last_quarter_of_a_short_life_is_soon),
		IN_PLACE(a_delegated_role_that_is_forgotten_is_not_hidden_by_a_timestamp),
		IN_PLACE(what_has_expired_is_said_before_all_else),
		IN_PLACE(what_was_not_refreshed_for_a_day_is_old),
		IN_PLACE(what_nobody_credibly_refreshed_is_not_good),
		IN_PLACE(what_was_never_verified_is_nothing_yet),
		cmocka_unit_test(a_span_is_told_in_what_people_count_in),
		IN_PLACE(metrics_tell_each_role_that_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
