// SPDX-License-Identifier: Apache-2.0
#include "fetch/memo.h"

#include <time.h>

#include "base/owned.h"
#include "tests/unit/fetch/place.h"

#define MUST(call) assert_int_equal((call), 0)

// Longer than a tick of the file system's clock.
static void let_time_pass(void)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	nanosleep(&pause, NULL);
}

static struct stat looks(const struct place *place, const char *file)
{
	struct stat st;

	MUST(stat(place_path(place, file), &st));
	return st;
}

static struct sha256 digest_of(const char *text)
{
	struct sha256 digest;
	struct fault why = {0};

	MUST(sha256_of(text, strlen(text), &digest, &why));
	return digest;
}

static struct memo *open_memo(const struct place *place)
{
	struct memo *memo = NULL;
	struct fault why = {0};

	MUST(memo_open(place->path, &memo, &why));
	return memo;
}

// A run that read the file and found this digest.
static void note(const struct place *place, const char *file, const char *text)
{
	OWNED(memo_drop) struct memo *memo = NULL;
	const struct stat st = looks(place, file);
	const struct sha256 digest = digest_of(text);
	struct fault why = {0};

	let_time_pass();
	memo = open_memo(place);
	MUST(memo_note(memo, file, &st, &digest, &why));
	memo_save(memo);
}

static bool recalls(const struct place *place, const char *file, const char *text)
{
	OWNED(memo_drop) struct memo *memo = open_memo(place);
	const struct stat st = looks(place, file);
	const struct sha256 wanted = digest_of(text);
	struct sha256 digest;
	bool known = memo_recall(memo, file, &st, &digest);

	memo_save(memo);
	return known && sha256_equal(&digest, &wanted);
}

static int start(void **state)
{
	place_set_up(state);
	place_write(*state, "net.json", "one");
	return 0;
}

static void what_was_noted_is_recalled_run_after_run(void **state)
{
	const struct place *place = *state;

	assert_false(recalls(place, "net.json", "one"));
	note(place, "net.json", "one");
	assert_true(recalls(place, "net.json", "one"));
	assert_true(recalls(place, "net.json", "one"));
}

static void a_file_that_was_written_since_is_not_recalled(void **state)
{
	const struct place *place = *state;

	note(place, "net.json", "one");
	place_write(place, "net.json", "two");
	assert_false(recalls(place, "net.json", "one"));
}

// Length and times can be put back by whoever writes the file; when its inode was last changed cannot.
static void a_file_whose_time_was_put_back_is_not_recalled(void **state)
{
	const struct place *place = *state;
	const struct stat before = looks(place, "net.json");
	const struct timespec times[2] = {before.st_atim, before.st_mtim};

	note(place, "net.json", "one");
	place_write(place, "net.json", "two");
	MUST(utimensat(AT_FDCWD, place_path(place, "net.json"), times, 0));
	assert_int_equal(looks(place, "net.json").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	assert_false(recalls(place, "net.json", "one"));
}

static void a_file_that_took_its_place_is_not_recalled(void **state)
{
	const struct place *place = *state;

	note(place, "net.json", "one");
	place_write(place, "other", "two");
	MUST(rename(place_path(place, "other"), place_path(place, "net.json")));
	assert_false(recalls(place, "net.json", "one"));
}

static void a_file_younger_than_the_run_is_not_noted(void **state)
{
	const struct place *place = *state;
	OWNED(memo_drop) struct memo *memo = open_memo(place);
	const struct sha256 digest = digest_of("two");
	struct fault why = {0};

	let_time_pass();
	place_write(place, "net.json", "two");
	const struct stat st = looks(place, "net.json");

	MUST(memo_note(memo, "net.json", &st, &digest, &why));
	memo_save(memo);
	assert_false(recalls(place, "net.json", "two"));
}

static void what_is_gone_is_forgotten(void **state)
{
	const struct place *place = *state;

	place_write(place, "old.json", "old");
	note(place, "old.json", "old");
	assert_true(recalls(place, "old.json", "old"));
	// A run that does not come across it.
	note(place, "net.json", "one");
	assert_false(recalls(place, "old.json", "old"));
}

static void a_damaged_memory_is_an_empty_one(void **state)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"{\"schema\":\"bpfseal.published/1\"}",
		"{\"schema\":\"bpfseal.published/1\",\"files\":{\"net.json\":7}}",
		"{\"schema\":\"bpfseal.published/1\",\"files\":{\"net.json\":[1,2,3,4]}}",
		"{\"schema\":\"bpfseal.published/1\",\"files\":{\"net.json\":[1,2,3,4,\"x\"]}}",
		"{\"schema\":\"bpfseal.published/2\",\"files\":{}}",
	};
	const struct place *place = *state;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		place_write(place, ".published", damaged[i]);
		assert_false(recalls(place, "net.json", "one"));
		note(place, "net.json", "one");
		assert_true(recalls(place, "net.json", "one"));
	}
}

static void a_link_or_a_directory_in_its_place_is_left_alone(void **state)
{
	const struct place *place = *state;

	place_write(place, "elsewhere", "{}");
	MUST(symlink("elsewhere", place_path(place, ".published")));
	note(place, "net.json", "one");
	assert_false(recalls(place, "net.json", "one"));
	place_expect(place, "elsewhere", "{}");
	MUST(unlink(place_path(place, ".published")));
	MUST(mkdir(place_path(place, ".published"), 0755));
	note(place, "net.json", "one");
	assert_false(recalls(place, "net.json", "one"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_noted_is_recalled_run_after_run),
		TEST(a_file_that_was_written_since_is_not_recalled),
		TEST(a_file_whose_time_was_put_back_is_not_recalled),
		TEST(a_file_that_took_its_place_is_not_recalled),
		TEST(a_file_younger_than_the_run_is_not_noted),
		TEST(what_is_gone_is_forgotten),
		TEST(a_damaged_memory_is_an_empty_one),
		TEST(a_link_or_a_directory_in_its_place_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
