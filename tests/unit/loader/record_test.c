// SPDX-License-Identifier: Apache-2.0
#include "loader/record.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "tests/unit/place.h"

// A record of one chain of one program that is told by its generation, and is another version in each.
static struct json *record_numbered(int64_t generation)
{
	struct json *record = NULL;
	struct fault why = {0};
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"schema\":\"bpfseal.record/1\",\"chains\":[{\"interface\":\"eth0\",\"hook\":"
		 "\"xdp\",\"generation\":%d,\"members\":[{\"name\":\"net/a\",\"version\":"
		 "\"%d.0.0\",\"from\":\"corp\",\"place\":0,\"maps\":{}}]}]}",
		 (int)generation, (int)generation);
	assert_int_equal(json_parse(text, strlen(text), "record", &record, &why), 0);
	return record;
}

static int commit(const struct place *place, int64_t generation, struct fault *why)
{
	OWNED(json_drop) struct json *record = record_numbered(generation);

	return record_commit(place->fd, record, why);
}

// The generation that a file tells; -1: there is no such file.
static int64_t told(const struct place *place, const char *name)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(json_drop) struct json *record = NULL;
	struct fault why = {0};

	if (file_read_at(place->fd, name, RECORD_FILE_MAX, &bytes, &why))
		return -1;
	assert_int_equal(json_parse(bytes.data, bytes.len, name, &record, &why), 0);
	return json_int(json_member(record_chain(record, "eth0", "xdp"), "generation"));
}

static void the_record_before_is_kept_beside_the_one_in_force(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *next = record_numbered(2);
	struct fault why = {0};

	assert_int_equal(commit(place, 1, &why), 0);
	assert_int_equal(told(place, "active.json"), 1);
	assert_int_equal(told(place, "previous.json"), -1);
	assert_int_equal(record_stage(place->fd, next, &why), 0);
	assert_int_equal(told(place, "next.json"), 2);
	assert_int_equal(commit(place, 2, &why), 0);
	assert_int_equal(told(place, "active.json"), 2);
	assert_int_equal(told(place, "previous.json"), 1);
	assert_int_equal(told(place, "next.json"), -1);
}

// Whatever moment a loader is killed at: the name is replaced, never taken away.
static void at_no_moment_of_a_commit_is_there_no_record(void **state)
{
	const struct place *place = *state;
	_Alignas(struct inotify_event) char events[8192];
	OWNED(drop_fd) int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct fault why = {0};
	bool replaced = false;
	ssize_t len;

	assert_int_equal(commit(place, 1, &why), 0);
	assert_true(watch >= 0);
	assert_true(inotify_add_watch(watch, place->path, IN_MOVE | IN_DELETE) >= 0);
	assert_int_equal(commit(place, 2, &why), 0);
	len = read(watch, events, sizeof(events));
	assert_true(len > 0);
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)(events + at);

		at += (ssize_t)(sizeof(*event) + event->len);
		if (strcmp(event->name, "active.json"))
			continue;
		assert_false(event->mask & (IN_MOVED_FROM | IN_DELETE));
		replaced = true;
	}
	assert_true(replaced);
}

static void a_commit_on_a_full_disk_leaves_the_record_in_force(void **state)
{
	const struct place *place = *state;
	struct rlimit before, none;
	struct fault why = {0};
	int result;

	assert_int_equal(commit(place, 1, &why), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	result = commit(place, 2, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result, -1);
	assert_int_equal(why.code, FAULT_OTHER);
	assert_int_equal(told(place, "active.json"), 1);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(the_record_before_is_kept_beside_the_one_in_force),
		IN_PLACE(at_no_moment_of_a_commit_is_there_no_record),
		IN_PLACE(a_commit_on_a_full_disk_leaves_the_record_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
