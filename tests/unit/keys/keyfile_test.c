// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
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

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/ceremony.h"
#include "keys/keyfile.h"

struct place {
	char dir[64];
	char key[80];
	char pass[80];
};

static void text_put(const char *path, const char *text)
{
	struct fault why = {0};

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &why), 0);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	snprintf(place->dir, sizeof(place->dir), "/tmp/keyfile_test.XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->key, sizeof(place->key), "%s/test-key", place->dir);
	snprintf(place->pass, sizeof(place->pass), "%s/pass", place->dir);
	text_put(place->pass, "correct horse\n");
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	unlink(place->key);
	unlink(place->pass);
	assert_int_equal(rmdir(place->dir), 0);
	free(place);
	return 0;
}

static struct passphrase *passphrase_of(const char *text)
{
	struct passphrase *passphrase = NULL;
	struct fault why = {0};

	assert_int_equal(passphrase_new(&passphrase, &why), 0);
	passphrase->len = strlen(text);
	memcpy(passphrase->text, text, passphrase->len + 1);
	return passphrase;
}

// A locked key on disk; its id goes to `id`.
static void locked_make(const struct place *place, char id[65])
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(passphrase_drop) struct passphrase *passphrase = passphrase_of("correct horse");
	struct fault why = {0};

	assert_int_equal(secret_key_new(&key, &why), 0);
	assert_int_equal(secret_key_write_cost(key, place->key, passphrase, KEYFILE_INTERACTIVE,
					       false, &why),
			 0);
	memcpy(id, secret_key_id(key), 65);
}

static int open_with(const struct place *place, struct secret_key **out, struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	const struct passphrase_ways ways = {.file = place->pass, .terminal = "/nonexistent"};

	assert_int_equal(passphrase_source_new(&ways, &source, why), 0);
	return secret_key_open_from(source, place->key, out, why);
}

static void byte_flip(const char *path, off_t at)
{
	OWNED(drop_fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void a_locked_key_comes_back_and_is_private_to_its_owner(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	struct fault why = {0};
	struct stat stat_of;
	char id[65];

	locked_make(place, id);
	assert_int_equal(stat(place->key, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0600);
	assert_int_equal(stat_of.st_size, KEYFILE_LOCKED);
	assert_int_equal(open_with(place, &key, &why), 0);
	assert_string_equal(secret_key_id(key), id);
}

static void a_wrong_passphrase_opens_nothing(void **state)
{
	const struct place *place = *state;
	struct secret_key *key = NULL;
	struct fault why = {0};
	char id[65];

	locked_make(place, id);
	text_put(place->pass, "wrong horse\n");
	assert_int_equal(open_with(place, &key, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(key);
}

static void every_field_of_the_head_is_sealed(void **state)
{
	// salt, nonce, public key, key id, sealed seed, tag: one byte of each
	static const off_t places[] = {24, 40, 64, 96, 130, 170};
	const struct place *place = *state;
	char id[65];

	locked_make(place, id);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct secret_key *key = NULL;
		struct fault why = {0};

		byte_flip(place->key, places[i]);
		assert_int_equal(open_with(place, &key, &why), -1);
		assert_int_equal(why.code, FAULT_USAGE);
		assert_null(key);
		byte_flip(place->key, places[i]);
	}
}

static void a_forged_cost_is_refused_before_any_work(void **state)
{
	static const struct {
		off_t at;
		unsigned char byte;
	} bombs[] = {{12, 0xff}, {14, 0xff}, {16, 0xff}, {20, 0xff}, {15, 0}, {15, 9}};
	const struct place *place = *state;
	char id[65];

	locked_make(place, id);
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		OWNED(drop_fd) int fd = open(place->key, O_RDWR | O_CLOEXEC);
		struct secret_key *key = NULL;
		struct fault why = {0};
		unsigned char was;

		assert_int_equal(pread(fd, &was, 1, bombs[i].at), 1);
		assert_int_equal(pwrite(fd, &bombs[i].byte, 1, bombs[i].at), 1);
		assert_int_equal(open_with(place, &key, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_null(key);
		assert_int_equal(pwrite(fd, &was, 1, bombs[i].at), 1);
	}
}

static void a_key_file_is_never_overwritten(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *other = NULL;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	struct fault why = {0};
	char id[65];

	locked_make(place, id);
	assert_int_equal(secret_key_new(&other, &why), 0);
	assert_int_equal(secret_key_write(other, place->key, NULL, 0, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_int_equal(open_with(place, &key, &why), 0);
	assert_string_equal(secret_key_id(key), id);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	const struct place *place = *state;
	struct secret_key *key = NULL;
	struct fault why = {0};
	char id[65];

	locked_make(place, id);
	assert_int_equal(chmod(place->key, 0640), 0);
	assert_int_equal(open_with(place, &key, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_null(key);
}

static void an_unlocked_key_opens_without_asking_and_a_locked_one_does_not(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *made = NULL;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(drop_fd) int dirfd = -1;
	struct fault why = {0};
	char id[65];

	assert_int_equal(dir_open(place->dir, &dirfd, &why), 0);
	assert_int_equal(secret_key_new(&made, &why), 0);
	assert_int_equal(secret_key_write(made, place->key, NULL, 0, &why), 0);
	assert_int_equal(secret_key_open_plain(dirfd, "test-key", &key, &why), 0);
	assert_string_equal(secret_key_id(key), secret_key_id(made));
	secret_key_drop(&key);
	assert_int_equal(unlink(place->key), 0);
	locked_make(place, id);
	assert_int_equal(secret_key_open_plain(dirfd, "test-key", &key, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(key);
}

static void an_unlocked_key_with_another_public_half_is_damaged(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *made = NULL;
	struct secret_key *key = NULL;
	struct fault why = {0};

	assert_int_equal(secret_key_new(&made, &why), 0);
	assert_int_equal(secret_key_write(made, place->key, NULL, 0, &why), 0);
	byte_flip(place->key, 70);
	assert_int_equal(open_with(place, &key, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(key);
}

static void a_file_of_another_length_is_no_key(void **state)
{
	const struct place *place = *state;
	struct secret_key *key = NULL;
	struct fault why = {0};
	char id[65];

	locked_make(place, id);
	assert_int_equal(truncate(place->key, KEYFILE_LOCKED - 1), 0);
	assert_int_equal(open_with(place, &key, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	fault_clear(&why);
	assert_int_equal(truncate(place->key, KEYFILE_LOCKED + 1), 0);
	assert_int_equal(open_with(place, &key, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(key);
}

static void the_key_id_is_the_digest_of_the_canonical_public_key(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(json_drop) struct json *object = NULL;
	OWNED(bytes_drop) struct bytes canon = {0};
	OWNED(public_key_drop) struct public_key pub = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	struct sha256 digest;
	char hex[SHA256_HEX];

	assert_int_equal(secret_key_new(&key, &why), 0);
	assert_int_equal(secret_key_public_json(key, &object, &why), 0);
	assert_int_equal(canon_write(object, &canon, &why), 0);
	assert_int_equal(sha256_of(canon.data, canon.len, &digest, &why), 0);
	sha256_hex(&digest, hex);
	assert_string_equal(secret_key_id(key), hex);
	// The same id comes out of the file that is handed around.
	assert_int_equal(json_write(object, true, &text, &why), 0);
	text_put(place->key, bytes_text(&text));
	assert_int_equal(public_key_read(place->key, &pub, &why), 0);
	assert_string_equal(pub.id, hex);
}

static void a_secret_key_is_not_taken_for_a_public_one(void **state)
{
	const struct place *place = *state;
	struct public_key pub = {0};
	struct fault why = {0};
	char id[65];

	locked_make(place, id);
	assert_int_equal(public_key_read(place->key, &pub, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(pub.object);
}

static void the_seed_is_not_in_a_locked_file(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(passphrase_drop) struct passphrase *passphrase = passphrase_of("correct horse");
	OWNED(bytes_drop) struct bytes plain = {0};
	OWNED(bytes_drop) struct bytes locked = {0};
	struct fault why = {0};

	assert_int_equal(secret_key_new(&key, &why), 0);
	assert_int_equal(secret_key_write(key, place->key, NULL, 0, &why), 0);
	assert_int_equal(file_read(place->key, 1000, &plain, &why), 0);
	assert_int_equal(
		secret_key_write_cost(key, place->key, passphrase, KEYFILE_INTERACTIVE, true, &why),
		0);
	assert_int_equal(file_read(place->key, 1000, &locked, &why), 0);
	assert_null(memmem(locked.data, locked.len, plain.data + KEYFILE_HEAD, 8));
}

static void a_cost_has_three_names(void **state)
{
	enum keyfile_cost cost;
	struct fault why = {0};

	(void)state;
	assert_int_equal(keyfile_cost_read("interactive", &cost, &why), 0);
	assert_int_equal(cost, KEYFILE_INTERACTIVE);
	assert_int_equal(keyfile_cost_read("sensitive", &cost, &why), 0);
	assert_int_equal(cost, KEYFILE_SENSITIVE);
	assert_int_equal(keyfile_cost_read("none", &cost, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_locked_key_comes_back_and_is_private_to_its_owner),
		TEST(a_wrong_passphrase_opens_nothing),
		TEST(every_field_of_the_head_is_sealed),
		TEST(a_forged_cost_is_refused_before_any_work),
		TEST(a_key_file_is_never_overwritten),
		TEST(a_key_that_others_may_read_is_refused),
		TEST(an_unlocked_key_opens_without_asking_and_a_locked_one_does_not),
		TEST(an_unlocked_key_with_another_public_half_is_damaged),
		TEST(a_file_of_another_length_is_no_key),
		TEST(the_key_id_is_the_digest_of_the_canonical_public_key),
		TEST(a_secret_key_is_not_taken_for_a_public_one),
		TEST(the_seed_is_not_in_a_locked_file),
		cmocka_unit_test(a_cost_has_three_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
