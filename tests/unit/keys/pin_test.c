// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/pin.h"
#include "keys/signing.h"

#define URL "https://repo.example/base"

struct place {
	char root[64];
	char dir[128]; // of the pin "corp"
	struct bytes json;
	struct pin pin;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	assert_non_null(place);
	snprintf(place->root, sizeof(place->root), "/tmp/pin_test.XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->dir, sizeof(place->dir), "%s" PIN_TRUST_DIR "/corp", place->root);
	assert_int_equal(signing_new("root", 1, 1795430000, &document, &why), 0);
	assert_int_equal(signing_write(document, &place->json, &why), 0);
	assert_int_equal(text_copy(URL, &place->pin.url, &why), 0);
	assert_int_equal(text_copy("private", &place->pin.class, &why), 0);
	assert_int_equal(
		pin_fingerprint(place->json.data, place->json.len, &place->pin.fingerprint, &why),
		0);
	place->pin.pinned_at = 1795430000;
	place->pin.uid = 7;
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	static const char *const below[] = {"/etc/bpfseal/trust/corp/root.json",
					    "/etc/bpfseal/trust/corp/pin.json",
					    "/etc/bpfseal/trust/corp",
					    "/etc/bpfseal/trust",
					    "/etc/bpfseal",
					    "/etc",
					    ""};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s%s", place->root, below[i]);
		remove(path);
	}
	assert_int_not_equal(access(place->root, F_OK), 0);
	bytes_drop(&place->json);
	pin_drop(&place->pin);
	free(place);
	return 0;
}

static void pin_put(const struct place *place)
{
	struct fault why = {0};

	assert_int_equal(pin_write(place->root, "corp", &place->pin, place->json.data,
				   place->json.len, &why),
			 0);
}

static void not_loaded(const struct place *place, enum fault_code code)
{
	OWNED(bytes_drop) struct bytes root = {0};
	struct fault why = {0};

	assert_int_equal(pin_load(place->root, "corp", &root, &why), -1);
	assert_int_equal(why.code, code);
	assert_int_equal(root.len, 0);
}

// ---- fingerprints ----

static void a_fingerprint_is_of_the_signed_part_only(void **state)
{
	const struct place *place = *state;
	static const char spaced[] =
		"{\"signed\":{ \"b\":1,\"a\":2 },\"signatures\":[{\"keyid\":\"x\",\"sig\":\"\"}]}";
	static const char plain[] = "{\"signatures\":[],\"signed\":{\"a\":2,\"b\":1}}";
	struct sha256 one, two;
	struct fault why = {0};

	assert_int_equal(pin_fingerprint(spaced, strlen(spaced), &one, &why), 0);
	assert_int_equal(pin_fingerprint(plain, strlen(plain), &two, &why), 0);
	assert_true(sha256_equal(&one, &two));
	assert_false(sha256_equal(&one, &place->pin.fingerprint));
	assert_int_equal(pin_fingerprint("{}", 2, &one, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void a_fingerprint_is_written_in_groups_and_read_in_any_spelling(void **state)
{
	const struct place *place = *state;
	char text[PIN_FINGERPRINT_LEN], lower[PIN_FINGERPRINT_LEN], hex[SHA256_HEX];
	struct sha256 back;
	struct fault why = {0};

	pin_fingerprint_write(&place->pin.fingerprint, text);
	assert_int_equal(strlen(text), 79);
	assert_int_equal(text[4], '-');
	assert_int_equal(pin_fingerprint_read(text, &back, &why), 0);
	assert_true(sha256_equal(&back, &place->pin.fingerprint));
	for (size_t i = 0; i < sizeof(text); i++)
		lower[i] = (char)tolower(text[i]);
	assert_int_equal(pin_fingerprint_read(lower, &back, &why), 0);
	assert_true(sha256_equal(&back, &place->pin.fingerprint));
	sha256_hex(&place->pin.fingerprint, hex);
	assert_int_equal(pin_fingerprint_read(hex, &back, &why), 0);
	assert_true(sha256_equal(&back, &place->pin.fingerprint));
}

static void nothing_may_stand_behind_a_fingerprint(void **state)
{
	static const char *const tails[] = {"0", "-", " ", "-0000", " and more", "zzzzzzzzzzzzzzz"};
	const struct place *place = *state;
	char text[2 * PIN_FINGERPRINT_LEN], hex[SHA256_HEX];
	struct sha256 back;

	sha256_hex(&place->pin.fingerprint, hex);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct fault why = {0};

		// Without the dashes, so that it is no longer than a good one with them.
		snprintf(text, sizeof(text), "%s%s", hex, tails[i]);
		assert_int_equal(pin_fingerprint_read(text, &back, &why), -1);
		assert_int_equal(why.code, FAULT_USAGE);
	}
}

static void a_fingerprint_that_is_short_long_or_odd_is_refused(void **state)
{
	static const struct {
		const char *before, *after;
		int cut; // how much of the good one stands between
	} spoils[] = {{"", "", 0},   {"", "", 78},  {"", "0", 79}, {"", "-", 79},
		      {"-", "", 79}, {" ", "", 79}, {"", "", 40},  {"", "-x", 77}};
	const struct place *place = *state;
	char good[PIN_FINGERPRINT_LEN], bad[PIN_FINGERPRINT_LEN + 8];
	struct sha256 back;

	pin_fingerprint_write(&place->pin.fingerprint, good);
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		struct fault why = {0};

		snprintf(bad, sizeof(bad), "%s%.*s%s", spoils[i].before, spoils[i].cut, good,
			 spoils[i].after);
		assert_int_equal(pin_fingerprint_read(bad, &back, &why), -1);
		assert_int_equal(why.code, FAULT_USAGE);
	}
}

// ---- URLs ----

static void urls_that_may_be_pinned(void **state)
{
	static const char *const good[] = {
		"https://repo.example",
		"https://repo.example/",
		"https://repo.example:8443/a/b",
		"https://10.0.0.1",
		"https://[2001:db8::1]:8443/x",
		"http://127.0.0.1:8080",
		"http://127.255.0.3",
		"http://[::1]:8080/",
		"http://localhost:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fault why = {0};

		assert_int_equal(pin_url_check(good[i], &why), 0);
	}
}

static void urls_that_may_not(void **state)
{
	static const char *const bad[] = {
		"",
		"repo.example",
		"ftp://repo.example",
		"file:///etc",
		"HTTPS://repo.example",
		"https://",
		"https:///x",
		"http://repo.example",
		"http://10.0.0.1",
		"http://127.1",
		"http://0177.0.0.1",
		"http://2130706433",
		"http://127.0.0.1.example",
		"http://localhost.example",
		"http://localhost@example",
		"http://127.0.0.1@example",
		"http://user:pw@127.0.0.1",
		"http://127.0.0.1\\@example",
		"http://[::2]",
		"http://[::ffff:127.0.0.1]",
		"https://[::1",
		"https://[]",
		"https://[zz]",
		"https://repo.example:0",
		"https://repo.example:65536",
		"https://repo.example:",
		"https://repo.example:80x",
		"https://repo.example?x",
		"https://repo.example#x",
		"https://repo.example/..",
		"https://repo.example/a/../b",
		"https://repo.example/%2e%2e/",
		"https://repo example",
		"https://repo.example/\n",
		"https://r%65po.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault why = {0};

		if (pin_url_check(bad[i], &why) == 0)
			fail_msg("%s was accepted", bad[i]);
		assert_int_equal(why.code, FAULT_CONFIG);
	}
}

// ---- files ----

static void nothing_pinned_is_untrusted_and_says_how_to_pin(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes root = {0};
	struct fault why = {0};

	assert_int_equal(pin_load(place->root, "corp", &root, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_non_null(strstr(why.fix, "trust add corp"));
}

static void a_pin_comes_back_as_it_was(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(pin_drop) struct pin pin = {0};
	OWNED(drop_heap) char *url = NULL;
	OWNED(drop_heap) char *class = NULL;
	struct stat stat_of;
	struct fault why = {0};
	char path[160];

	pin_put(place);
	assert_int_equal(pin_load(place->root, "corp", &root, &why), 0);
	assert_int_equal(root.len, place->json.len);
	assert_memory_equal(root.data, place->json.data, root.len);
	assert_int_equal(pin_url(place->root, "corp", &url, &class, &why), 0);
	assert_string_equal(url, URL);
	assert_string_equal(class, "private");
	assert_int_equal(pin_read(place->root, "corp", &pin, &why), 0);
	assert_int_equal(pin.uid, 7);
	assert_int_equal(pin.pinned_at, 1795430000);
	snprintf(path, sizeof(path), "%s/pin.json", place->dir);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0644);
	assert_int_equal(stat(place->dir, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0755);
}

static void a_changed_root_file_is_not_the_pinned_one(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *other = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	char path[160];

	pin_put(place);
	assert_int_equal(signing_new("root", 2, 1795430000, &other, &why), 0);
	assert_int_equal(signing_write(other, &text, &why), 0);
	snprintf(path, sizeof(path), "%s/root.json", place->dir);
	assert_int_equal(file_replace(path, text.data, text.len, 0644, &why), 0);
	not_loaded(place, FAULT_UNTRUSTED);
}

static void a_root_without_its_record_is_no_pin(void **state)
{
	const struct place *place = *state;
	char path[160];

	pin_put(place);
	snprintf(path, sizeof(path), "%s/pin.json", place->dir);
	assert_int_equal(unlink(path), 0);
	not_loaded(place, FAULT_UNTRUSTED);
}

static void a_pin_that_others_may_write_is_refused(void **state)
{
	static const char *const below[] = {
		"/etc/bpfseal/trust/corp/root.json", "/etc/bpfseal/trust/corp/pin.json",
		"/etc/bpfseal/trust/corp", "/etc/bpfseal/trust", "/etc/bpfseal"};
	const struct place *place = *state;

	pin_put(place);
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		struct stat stat_of;
		char path[160];

		snprintf(path, sizeof(path), "%s%s", place->root, below[i]);
		assert_int_equal(stat(path, &stat_of), 0);
		assert_int_equal(chmod(path, (stat_of.st_mode & 07777) | 020), 0);
		not_loaded(place, FAULT_CONFIG);
		assert_int_equal(chmod(path, stat_of.st_mode & 07777), 0);
	}
}

static void a_record_that_is_a_symlink_is_refused(void **state)
{
	const struct place *place = *state;
	char path[160], moved[160];

	pin_put(place);
	snprintf(path, sizeof(path), "%s/pin.json", place->dir);
	snprintf(moved, sizeof(moved), "%s/../moved", place->dir);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	not_loaded(place, FAULT_OTHER);
	assert_int_equal(unlink(moved), 0);
}

static void a_record_with_a_member_too_many_is_damaged(void **state)
{
	const struct place *place = *state;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	char path[160];

	pin_put(place);
	snprintf(path, sizeof(path), "%s/pin.json", place->dir);
	assert_int_equal(bytes_append_text(&text, "{\"schema\":\"bpfseal.pin/1\",\"x\":1}\n", &why),
			 0);
	assert_int_equal(file_replace(path, text.data, text.len, 0644, &why), 0);
	not_loaded(place, FAULT_FORMAT);
}

static void a_name_cannot_leave_the_trust_directory(void **state)
{
	static const char *const bad[] = {"", "..", "a/b", "../corp", ".hidden", "UPPER", "a b"};
	const struct place *place = *state;

	pin_put(place);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		OWNED(bytes_drop) struct bytes root = {0};
		struct fault why = {0};

		assert_int_equal(pin_load(place->root, bad[i], &root, &why), -1);
		assert_int_equal(why.code, FAULT_CONFIG);
		fault_clear(&why);
		assert_int_equal(pin_write(place->root, bad[i], &place->pin, place->json.data,
					   place->json.len, &why),
				 -1);
		assert_int_equal(why.code, FAULT_CONFIG);
	}
}

static void pins_are_listed_until_they_are_removed(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	assert_int_equal(pin_list(place->root, &names, &why), 0);
	assert_int_equal(names.count, 0);
	pin_put(place);
	assert_int_equal(pin_list(place->root, &names, &why), 0);
	assert_int_equal(names.count, 1);
	assert_string_equal(names.name[0], "corp");
	assert_int_equal(pin_remove(place->root, "corp", &why), 0);
	not_loaded(place, FAULT_UNTRUSTED);
	assert_int_equal(pin_list(place->root, &names, &why), 0);
	assert_int_equal(names.count, 0);
	assert_int_equal(pin_remove(place->root, "corp", &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_fingerprint_is_of_the_signed_part_only),
		TEST(a_fingerprint_is_written_in_groups_and_read_in_any_spelling),
		TEST(a_fingerprint_that_is_short_long_or_odd_is_refused),
		TEST(nothing_may_stand_behind_a_fingerprint),
		cmocka_unit_test(urls_that_may_be_pinned),
		cmocka_unit_test(urls_that_may_not),
		TEST(nothing_pinned_is_untrusted_and_says_how_to_pin),
		TEST(a_pin_comes_back_as_it_was),
		TEST(a_changed_root_file_is_not_the_pinned_one),
		TEST(a_root_without_its_record_is_no_pin),
		TEST(a_pin_that_others_may_write_is_refused),
		TEST(a_record_that_is_a_symlink_is_refused),
		TEST(a_record_with_a_member_too_many_is_damaged),
		TEST(a_name_cannot_leave_the_trust_directory),
		TEST(pins_are_listed_until_they_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
