// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/audit.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/owned.h"
#include "tests/unit/place.h"

static size_t entries(int fd)
{
	OWNED(names_drop) struct names names = {0};
	struct fault why = {0};

	assert_int_equal(names_list(fd, &names, &why), 0);
	return names.count;
}

static void a_replaced_file_is_whole_and_leaves_no_temporary(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes read = {0};
	struct fault why = {0};
	struct stat st;

	assert_int_equal(file_replace_at(place->fd, "a", "one", 3, 0640, &why), 0);
	assert_int_equal(file_replace_at(place->fd, "a", "two!", 4, 0640, &why), 0);
	assert_int_equal(file_read_at(place->fd, "a", 4, &read, &why), 0);
	assert_string_equal(bytes_text(&read), "two!");
	assert_int_equal(fstatat(place->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(entries(place->fd), 1);
}

static void only_temporaries_are_swept(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "a", "one", 3, 0640, &why), 0);
	assert_int_equal(file_replace_at(place->fd, ".tmp", "two", 3, 0640, &why), 0);
	assert_int_equal(file_replace_at(place->fd, ".tmp-0123456789abcdef", "", 0, 0400, &why), 0);
	assert_int_equal(file_replace_at(place->fd, ".tmp-x", "half", 4, 0600, &why), 0);
	assert_int_equal(dir_sweep_temporaries(place->fd, &why), 0);
	assert_int_equal(entries(place->fd), 2);
	assert_int_equal(faccessat(place->fd, "a", F_OK, 0), 0);
	assert_int_equal(faccessat(place->fd, ".tmp", F_OK, 0), 0);
}

static void reading_stops_at_the_cap(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes read = {0};
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "a", "12345", 5, 0600, &why), 0);
	assert_int_equal(file_read_at(place->fd, "a", 4, &read, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	assert_int_equal(read.len, 0);
}

// Also where the size that a file tells is that of the buffer, and where it tells none.
static void a_file_of_any_size_is_read_whole(void **state)
{
	static const size_t sizes[] = {0,     1,     63,    64,	    16383, 16384,
				       16385, 32767, 32768, 131071, 131072};
	static char text[131072];
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes none = {0};
	struct fault why = {0};

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		OWNED(bytes_drop) struct bytes read = {0};

		assert_int_equal(file_replace_at(place->fd, "a", text, sizes[i], 0600, &why), 0);
		assert_int_equal(file_read_at(place->fd, "a", sizes[i], &read, &why), 0);
		assert_int_equal(read.len, sizes[i]);
		assert_int_equal(strlen(bytes_text(&read)), sizes[i]);
		if (sizes[i])
			assert_int_equal(file_read_at(place->fd, "a", sizes[i] - 1, &none, &why),
					 -1);
		assert_int_equal(none.len, 0);
	}
	assert_int_equal(file_read("/proc/self/status", 65536, &none, &why), 0);
	assert_non_null(strstr(bytes_text(&none), "Name:"));
}

static void symlinks_directories_and_pipes_are_not_read(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes read = {0};
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "a", "1", 1, 0600, &why), 0);
	assert_int_equal(symlinkat("a", place->fd, "link"), 0);
	assert_int_equal(mkdirat(place->fd, "dir", 0700), 0);
	assert_int_equal(mkfifoat(place->fd, "pipe", 0600), 0);
	assert_int_equal(file_read_at(place->fd, "link", 9, &read, &why), -1);
	assert_int_equal(file_read_at(place->fd, "dir", 9, &read, &why), -1);
	assert_int_equal(file_read_at(place->fd, "pipe", 9, &read, &why), -1);
	assert_int_equal(file_read_at(place->fd, "absent", 9, &read, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static void an_existing_file_is_never_overwritten_by_create(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	assert_int_equal(file_create_at(place->fd, "key", "1", 1, 0600, &why), 0);
	assert_int_equal(file_create_at(place->fd, "key", "2", 1, 0600, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_int_equal(entries(place->fd), 1);
}

static void a_damaged_content_file_is_mended_and_a_sound_one_left_alone(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes read = {0};
	struct fault why = {0};
	struct stat before, after;

	assert_int_equal(file_store_at(place->fd, "blob", "abc", 3, 0440, &why), 0);
	assert_int_equal(fstatat(place->fd, "blob", &before, 0), 0);
	assert_int_equal(file_store_at(place->fd, "blob", "abc", 3, 0440, &why), 0);
	assert_int_equal(fstatat(place->fd, "blob", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(file_replace_at(place->fd, "blob", "abX", 3, 0440, &why), 0);
	assert_int_equal(file_store_at(place->fd, "blob", "abc", 3, 0440, &why), 0);
	assert_int_equal(file_read_at(place->fd, "blob", 3, &read, &why), 0);
	assert_string_equal(bytes_text(&read), "abc");
}

static void a_second_process_waits_for_the_lock_and_gives_up(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int lock = -1;
	struct fault why = {0};
	int status = 0;
	pid_t child;

	assert_int_equal(file_lock_at(place->fd, "lock", 0, &lock, &why), 0);
	child = fork();
	if (child == 0) {
		int second = -1;

		_exit(file_lock_at(place->fd, "lock", 30, &second, &why) == -1 &&
				      why.code == FAULT_BUSY
			      ? 0
			      : 1);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

static void a_file_that_others_may_write_is_refused_with_the_chmod(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	char path[96];

	snprintf(path, sizeof(path), "%s/conf", place->path);
	assert_int_equal(file_replace(path, "{}", 2, 0644, &why), 0);
	assert_int_equal(path_check_owner(place->path, path, &why), 0);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(path_check_owner(place->path, path, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.fix, "chmod go-w"));
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(fchmod(place->fd, 0777), 0);
	assert_int_equal(path_check_owner(place->path, path, &why), -1);
	assert_int_equal(fchmod(place->fd, 0700), 0);
	assert_int_equal(symlinkat("conf", place->fd, "link"), 0);
	snprintf(path, sizeof(path), "%s/link", place->path);
	assert_int_equal(path_check_owner(place->path, path, &why), -1);
}

static void digests_are_those_of_the_standard(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int fd = -1;
	struct sha256 whole, pieces;
	struct digest *digest = NULL;
	struct fault why = {0};
	uint64_t len = 0;
	char hex[SHA256_HEX];

	// FIPS 180-4, "abc".
	assert_int_equal(sha256_of("abc", 3, &whole, &why), 0);
	sha256_hex(&whole, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(digest_begin(&digest, &why), 0);
	assert_int_equal(digest_add(digest, "a", 1, &why), 0);
	assert_int_equal(digest_add(digest, "bc", 2, &why), 0);
	assert_int_equal(digest_end(digest, &pieces, &why), 0);
	assert_true(sha256_equal(&whole, &pieces));
	assert_int_equal(file_replace_at(place->fd, "abc", "abc", 3, 0600, &why), 0);
	assert_int_equal(file_open_at(place->fd, "abc", &fd, &why), 0);
	assert_int_equal(sha256_of_fd(fd, 3, &pieces, &len, &why), 0);
	assert_int_equal(len, 3);
	assert_true(sha256_equal(&whole, &pieces));
	assert_int_equal(sha256_of_fd(fd, 2, &pieces, &len, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

static void a_file_past_four_gigabytes_is_hashed_to_its_end(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int fd = openat(place->fd, "big", O_RDWR | O_CREAT, 0600);
	const off_t size = ((off_t)4 << 30) + 1;
	struct sha256 digest;
	struct fault why = {0};
	uint64_t len = 0;
	char hex[SHA256_HEX];

	// 2^32 zeros and an 'x': a length kept in 32 bits would leave the last byte out (A19).
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "x", 1, size - 1), 1);
	assert_int_equal(sha256_of_fd(fd, UINT64_MAX, &digest, &len, &why), 0);
	assert_true(len == (uint64_t)size);
	sha256_hex(&digest, hex);
	assert_string_equal(hex,
			    "07d357bda5c988a206bb478ade5af844c26eaf242e951e5ac4d4f85b417ed69f");
}

static void an_edited_cut_or_swapped_audit_log_is_named(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes log = {0};
	struct fault why = {0};
	uint64_t records = 0;
	char *at;

	for (int i = 0; i < 4; i++)
		assert_int_equal(audit_append(place->fd, "audit", 1000 + i, "applied", NULL, &why),
				 0);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), 0);
	assert_int_equal(records, 4);
	assert_int_equal(file_read_at(place->fd, "audit", 1 << 20, &log, &why), 0);
	// An edit of record 1 breaks the link that record 2 holds.
	at = strstr(strchr((char *)log.data, '\n'), "applied");
	at[0] = 'A';
	assert_int_equal(file_replace_at(place->fd, "audit", log.data, log.len, 0600, &why), 0);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_non_null(strstr(why.text, "record 2"));
	assert_int_equal(audit_append(place->fd, "audit", 2000, "applied", NULL, &why), -1);
}

static void a_torn_last_audit_line_is_cut_and_the_chain_goes_on(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes log = {0};
	struct fault why = {0};
	uint64_t records = 0;

	for (int i = 0; i < 2; i++)
		assert_int_equal(audit_append(place->fd, "audit", 1000 + i, "applied", NULL, &why),
				 0);
	assert_int_equal(file_read_at(place->fd, "audit", 1 << 20, &log, &why), 0);
	assert_int_equal(file_replace_at(place->fd, "audit", log.data, log.len - 20, 0600, &why),
			 0);
	assert_int_equal(audit_append(place->fd, "audit", 2000, "applied", NULL, &why), 0);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), 0);
	assert_int_equal(records, 2);
}

// Bytes that this process has read so far.
static long long bytes_read(void)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	long long count = -1;

	assert_int_equal(file_read("/proc/self/io", 4096, &text, &why), 0);
	assert_int_equal(sscanf(bytes_text(&text), "rchar: %lld", &count), 1);
	return count;
}

static void a_kept_audit_log_is_read_once_and_not_for_each_record(void **state)
{
	const struct place *place = *state;
	OWNED(audit_drop) struct audit *audit = NULL;
	struct fault why = {0};
	uint64_t records = 0;
	long long before;

	for (int i = 0; i < 2; i++) {
		audit_drop(&audit);
		assert_int_equal(audit_new(place->fd, "audit", &audit, &why), 0);
		for (int j = 0; j < 500; j++)
			assert_int_equal(audit_add(audit, 1000, "publish", NULL, &why), 0);
	}
	before = bytes_read();
	assert_int_equal(audit_add(audit, 1000, "publish", NULL, &why), 0);
	// A look at /proc itself, and nothing of the 200 KB.
	assert_true(bytes_read() - before < 4096);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), 0);
	assert_int_equal(records, 1001);
}

// The same bytes but one, written over in place: size and inode are as they were.
static void an_edit_in_place_is_seen_by_the_next_process(void **state)
{
	const struct place *place = *state;
	OWNED(drop_fd) int fd = -1;
	struct fault why = {0};

	for (int i = 0; i < 4; i++)
		assert_int_equal(audit_append(place->fd, "audit", 1000 + i, "applied", NULL, &why),
				 0);
	// Older kernels tell times apart by the tick.
	usleep(20000);
	fd = openat(place->fd, "audit", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "[", 1, 0), 1);
	assert_int_equal(audit_append(place->fd, "audit", 2000, "applied", NULL, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void what_was_done_to_a_kept_audit_log_is_seen_at_the_next_record(void **state)
{
	const struct place *place = *state;
	OWNED(audit_drop) struct audit *audit = NULL;
	OWNED(bytes_drop) struct bytes log = {0};
	struct fault why = {0};
	uint64_t records = 0;

	assert_int_equal(audit_new(place->fd, "audit", &audit, &why), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(audit_add(audit, 1000 + i, "publish", NULL, &why), 0);
	assert_int_equal(file_read_at(place->fd, "audit", 1 << 20, &log, &why), 0);
	// Another writer added a record: the chain goes on behind it.
	assert_int_equal(audit_append(place->fd, "audit", 1003, "other", NULL, &why), 0);
	assert_int_equal(audit_add(audit, 1004, "publish", NULL, &why), 0);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), 0);
	assert_int_equal(records, 5);
	// Somebody edited one.
	strstr((char *)log.data, "publish")[0] = 'P';
	assert_int_equal(file_replace_at(place->fd, "audit", log.data, log.len, 0600, &why), 0);
	assert_int_equal(audit_add(audit, 1005, "publish", NULL, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_non_null(strstr(why.cause, "record 1"));
}

static void an_audit_record_without_an_end_is_damage(void **state)
{
	const struct place *place = *state;
	OWNED(drop_heap) char *text = malloc(3 << 20);
	struct fault why = {0};
	uint64_t records = 0;

	assert_non_null(text);
	memset(text, 'x', 3 << 20);
	assert_int_equal(file_replace_at(place->fd, "audit", text, 3 << 20, 0600, &why), 0);
	assert_int_equal(audit_check(place->fd, "audit", &records, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void times_are_read_in_one_form_only(void **state)
{
	static const char *const bad[] = {
		"2026-11-23T10:00:00",	 "2026-11-23 10:00:00Z",
		"2026-02-30T00:00:00Z",	 "2026-11-23T10:00:60Z",
		"2026-1-23T10:00:00Z",	 "2026-11-23T10:00:00+00:00",
		"2026-11-23T10:00:00Zx", "",
		"+026-11-23T10:00:00Z",	 "2026-13-01T00:00:00Z",
	};
	char text[CLOCK_TEXT_LEN];
	struct fault why = {0};
	int64_t seconds = 0;

	(void)state;
	assert_int_equal(clock_parse("2038-01-19T03:14:08Z", &seconds, &why), 0);
	assert_true(seconds == INT64_C(2147483648));
	clock_write(seconds, text);
	assert_string_equal(text, "2038-01-19T03:14:08Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(clock_parse(bad[i], &seconds, &why), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_replaced_file_is_whole_and_leaves_no_temporary),
		TEST(only_temporaries_are_swept),
		TEST(reading_stops_at_the_cap),
		TEST(a_file_of_any_size_is_read_whole),
		TEST(symlinks_directories_and_pipes_are_not_read),
		TEST(an_existing_file_is_never_overwritten_by_create),
		TEST(a_damaged_content_file_is_mended_and_a_sound_one_left_alone),
		TEST(a_second_process_waits_for_the_lock_and_gives_up),
		TEST(a_file_that_others_may_write_is_refused_with_the_chmod),
		TEST(digests_are_those_of_the_standard),
		TEST(a_file_past_four_gigabytes_is_hashed_to_its_end),
		TEST(an_edited_cut_or_swapped_audit_log_is_named),
		TEST(a_torn_last_audit_line_is_cut_and_the_chain_goes_on),
		TEST(a_kept_audit_log_is_read_once_and_not_for_each_record),
		TEST(an_edit_in_place_is_seen_by_the_next_process),
		TEST(what_was_done_to_a_kept_audit_log_is_seen_at_the_next_record),
		TEST(an_audit_record_without_an_end_is_damage),
		TEST(times_are_read_in_one_form_only),
	};

	return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
