// SPDX-License-Identifier: Apache-2.0
// Objects are looked at once, and what was seen in them is remembered for the very same bytes and code only.
#include "loader/muster.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/build.h"
#include "base/file.h"
#include "base/owned.h"

struct place {
	char path[64];
	int fd;
	struct recall recall;
	struct seen seen;
	struct member members[3]; // count, count, ratelimit
};

static struct member member_of(const char *name)
{
	struct member member = {.object_fd = memfd_create(name, MFD_CLOEXEC), .pending = true};
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof(path), TEST_BPF_DIR "/%s", name);
	assert_true(member.object_fd >= 0);
	assert_int_equal(file_read(path, INSPECT_OBJECT_MAX, &bytes, &why), 0);
	assert_int_equal(file_write_all(member.object_fd, bytes.data, bytes.len, &why), 0);
	assert_int_equal(sha256_of(bytes.data, bytes.len, &member.object, &why), 0);
	return member;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	strcpy(place->path, "/tmp/bpfseal-muster-XXXXXX");
	if (!mkdtemp(place->path) || dir_open(place->path, &place->fd, &why))
		return -1;
	recall_init(&place->recall, place->fd);
	place->members[0] = member_of("count.bpf.o");
	place->members[1] = member_of("count.bpf.o");
	place->members[2] = member_of("ratelimit.bpf.o");
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	for (size_t i = 0; i < 3; i++)
		close(place->members[i].object_fd);
	close(place->fd);
	seen_drop(&place->seen);
	snprintf(command, sizeof(command), "rm -r %s", place->path);
	if (system(command))
		return -1;
	free(place);
	return 0;
}

// Every worker that has ended left its page faults here.
static long worker_faults(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
	return usage.ru_minflt;
}

static struct muster called(struct place *place, size_t count)
{
	struct muster muster = {0};
	struct fault why = {0};

	assert_int_equal(
		muster_call(&place->recall, &place->seen, place->members, count, &muster, &why), 0);
	return muster;
}

static void same_inspection(const struct inspection *a, const struct inspection *b)
{
	OWNED(bytes_drop) struct bytes one = {0};
	OWNED(bytes_drop) struct bytes other = {0};
	struct fault why = {0};

	assert_int_equal(inspection_write(a, &one, &why), 0);
	assert_int_equal(inspection_write(b, &other, &why), 0);
	assert_int_equal(one.len, other.len);
	assert_memory_equal(one.data, other.data, one.len);
}

static void an_object_of_several_members_is_looked_at_once(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = called(place, 3);

	assert_int_equal(muster.count, 2);
	for (size_t i = 0; i < 3; i++) {
		const struct muster_object *object =
			muster_find(&muster, &place->members[i].object);

		assert_non_null(object);
		assert_non_null(object->inspection);
		assert_string_equal(object->inspection->programs[0].name,
				    i == 2 ? "ratelimit" : "count");
	}
}

static void nobody_else_is_looked_at(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = {0};

	place->members[0].pending = place->members[1].pending = false;
	muster = called(place, 3);
	assert_int_equal(muster.count, 1);
	assert_null(muster_find(&muster, &place->members[0].object));
}

static void what_is_refused_of_one_stands_with_it(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = {0};
	const struct muster_object *bad;
	struct fault why = {0};

	assert_int_equal(pwrite(place->members[1].object_fd, "?", 1, 0), 1);
	assert_int_equal(sha256_of("another", 7, &place->members[1].object, &why), 0);
	muster = called(place, 3);
	assert_int_equal(muster.count, 3);
	bad = muster_find(&muster, &place->members[1].object);
	assert_null(bad->inspection);
	assert_int_equal(bad->refused.code, FAULT_FORMAT);
	assert_non_null(muster_find(&muster, &place->members[0].object)->inspection);
	assert_non_null(muster_find(&muster, &place->members[2].object)->inspection);
}

static void note_all(struct place *place, const struct muster *muster)
{
	OWNED(batch_drop) struct batch batch = {.dirfd = place->fd};
	struct fault why = {0};

	for (size_t i = 0; i < muster->count; i++)
		recall_put(&place->recall, &muster->objects[i].digest,
			   muster->objects[i].inspection, &batch);
	assert_int_equal(batch_settle(&batch, &why), 0);
}

static void what_was_seen_before_is_not_looked_at_again(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster first = called(place, 3);
	OWNED(muster_drop) struct muster again = {0};
	long faults;

	note_all(place, &first);
	seen_drop(&place->seen); // as in another process
	faults = worker_faults();
	again = called(place, 3);
	assert_int_equal(worker_faults(), faults);
	assert_int_equal(again.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(again.objects[i].recalled);
		same_inspection(again.objects[i].inspection, first.objects[i].inspection);
	}
}

// The second of a thousand chains of a pattern, before anything is noted on disk.
static void what_one_chain_has_shown_the_next_need_not(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster first = called(place, 3);
	OWNED(muster_drop) struct muster again = {0};
	long faults = worker_faults();

	again = called(place, 3);
	assert_int_equal(worker_faults(), faults);
	assert_int_equal(again.count, 2);
	for (size_t i = 0; i < 2; i++)
		same_inspection(again.objects[i].inspection, first.objects[i].inspection);
}

static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void enter(struct place *place, const struct member *member, struct muster *muster)
{
	struct fault why = {0};

	assert_int_equal(muster_enter(&place->recall, &place->seen, member, muster, &why), 0);
}

static void who_has_come_in_is_looked_at_before_all_are_there(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = {0};
	struct fault why = {0};

	enter(place, &place->members[0], &muster);
	assert_int_equal(muster.begun, 1);
	enter(place, &place->members[1], &muster);
	assert_int_equal(muster.count, 1);
	enter(place, &place->members[2], &muster);
	assert_int_equal(
		muster_call(&place->recall, &place->seen, place->members, 3, &muster, &why), 0);
	assert_false(has_children());
	assert_int_equal(muster.count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_non_null(muster.objects[i].inspection);
}

static void who_is_still_looked_at_when_nobody_asks_any_more_is_let_go(void **state)
{
	struct place *place = *state;
	struct muster muster = {0};

	enter(place, &place->members[0], &muster);
	enter(place, &place->members[2], &muster);
	muster_drop(&muster);
	assert_false(has_children());
	assert_null(seen_get(&place->seen, &place->members[0].object));
}

// More than are looked at at a time, with one in the middle that is refused.
static void of_many_each_has_its_own_answer(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = {0};
	struct member members[20];
	struct fault why = {0};

	for (size_t i = 0; i < 20; i++) {
		members[i] = place->members[i % 2 ? 2 : 0];
		assert_int_equal(sha256_of(&i, sizeof(i), &members[i].object, &why), 0);
	}
	members[7].object_fd = memfd_create("none", MFD_CLOEXEC);
	for (size_t i = 0; i < 20; i++) {
		enter(place, &members[i], &muster);
		assert_true(muster.begun - muster.ended <= inspect_at_a_time());
	}
	assert_int_equal(muster_call(&place->recall, &place->seen, members, 20, &muster, &why), 0);
	assert_int_equal(muster.count, 20);
	for (size_t i = 0; i < 20; i++) {
		const struct muster_object *object = muster_find(&muster, &members[i].object);

		assert_int_equal(!object->inspection, i == 7);
		assert_int_equal(object->refused.code, i == 7 ? FAULT_FORMAT : FAULT_NONE);
		if (i != 7)
			assert_string_equal(object->inspection->programs[0].name,
					    i % 2 ? "ratelimit" : "count");
	}
	close(members[7].object_fd);
}

// The file of one note.
static void note_name(const struct member *member, char name[static SHA256_HEX + 8])
{
	sha256_hex(&member->object, name);
	strcat(name, RECALL_SUFFIX);
}

static bool is_recalled(struct place *place, const struct member *member)
{
	struct inspection *found = recall_get(&place->recall, &member->object);
	bool is = found != NULL;

	inspection_free(found);
	return is;
}

static void another_code_looks_for_itself(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = called(place, 1);

	note_all(place, &muster);
	assert_true(is_recalled(place, &place->members[0]));
	place->recall.build.byte[0] ^= 1;
	assert_false(is_recalled(place, &place->members[0]));
	place->recall.build.byte[0] ^= 1;
	assert_true(is_recalled(place, &place->members[0]));
	// Code without a name remembers nothing, and notes nothing.
	place->recall.works = false;
	assert_false(is_recalled(place, &place->members[0]));
}

static void a_note_of_another_object_is_none(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = called(place, 3);
	char one[SHA256_HEX + 8], other[SHA256_HEX + 8];

	note_all(place, &muster);
	note_name(&place->members[0], one);
	note_name(&place->members[2], other);
	assert_int_equal(renameat(place->fd, one, place->fd, other), 0);
	assert_false(is_recalled(place, &place->members[0]));
	assert_false(is_recalled(place, &place->members[2]));
}

static void put_note(const struct place *place, const char *name, const void *data, size_t len)
{
	OWNED(drop_fd) int fd = -1;
	char draft[FILE_DRAFT_LEN];
	struct fault why = {0};

	assert_int_equal(file_draft_at(place->fd, data, len, 0600, draft, &fd, &why), 0);
	assert_int_equal(file_place_at(place->fd, draft, name, &why), 0);
}

static void a_damaged_note_is_none(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = called(place, 1);
	OWNED(bytes_drop) struct bytes note = {0};
	char name[SHA256_HEX + 8];
	struct fault why = {0};

	note_all(place, &muster);
	note_name(&place->members[0], name);
	assert_int_equal(file_read_at(place->fd, name, 1 << 20, &note, &why), 0);
	for (size_t i = 0; i < note.len; i++) {
		note.data[i] ^= 1;
		put_note(place, name, note.data, note.len);
		if (is_recalled(place, &place->members[0]))
			fail_msg("a flip of byte %zu is not noticed", i);
		note.data[i] ^= 1;
		put_note(place, name, note.data, i);
		if (is_recalled(place, &place->members[0]))
			fail_msg("a cut to %zu bytes is not noticed", i);
	}
	put_note(place, name, note.data, note.len);
	assert_true(is_recalled(place, &place->members[0]));
}

static int truncate_at(const struct place *place, const char *name, off_t size)
{
	OWNED(drop_fd) int fd = openat(place->fd, name, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : ftruncate(fd, size);
}

// Of no kind but a file of its own, and of no size that has to be read; what stands in its place costs the note, and not
// the apply.
static void what_is_no_file_of_ours_is_no_note(void **state)
{
	struct place *place = *state;
	OWNED(muster_drop) struct muster muster = called(place, 1);
	char name[SHA256_HEX + 8];

	note_all(place, &muster);
	note_name(&place->members[0], name);
	assert_int_equal(renameat(place->fd, name, place->fd, "sound"), 0);
	assert_int_equal(symlinkat("sound", place->fd, name), 0);
	assert_false(is_recalled(place, &place->members[0]));
	assert_int_equal(unlinkat(place->fd, name, 0), 0);
	assert_int_equal(mkfifoat(place->fd, name, 0600), 0);
	assert_false(is_recalled(place, &place->members[0]));
	note_all(place, &muster);
	assert_true(is_recalled(place, &place->members[0]));
	assert_int_equal(truncate_at(place, name, (off_t)2 << 30), 0);
	assert_false(is_recalled(place, &place->members[0]));
	assert_int_equal(unlinkat(place->fd, name, 0), 0);
	assert_int_equal(mkdirat(place->fd, name, 0700), 0);
	assert_false(is_recalled(place, &place->members[0]));
	note_all(place, &muster);
	assert_int_equal(unlinkat(place->fd, name, AT_REMOVEDIR), 0);
	note_all(place, &muster);
	assert_true(is_recalled(place, &place->members[0]));
}

static void this_code_has_a_name(void **state)
{
	struct sha256 one, again;
	struct fault why = {0};

	(void)state;
	if (build_digest(&one, &why))
		fail_msg("%s", why.text);
	assert_int_equal(build_digest(&again, &why), 0);
	assert_true(sha256_equal(&one, &again));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_object_of_several_members_is_looked_at_once),
		TEST(nobody_else_is_looked_at),
		TEST(what_is_refused_of_one_stands_with_it),
		TEST(what_was_seen_before_is_not_looked_at_again),
		TEST(what_one_chain_has_shown_the_next_need_not),
		TEST(who_has_come_in_is_looked_at_before_all_are_there),
		TEST(who_is_still_looked_at_when_nobody_asks_any_more_is_let_go),
		TEST(of_many_each_has_its_own_answer),
		TEST(another_code_looks_for_itself),
		TEST(a_note_of_another_object_is_none),
		TEST(a_damaged_note_is_none),
		TEST(what_is_no_file_of_ours_is_no_note),
		TEST(this_code_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
