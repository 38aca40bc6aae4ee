// SPDX-License-Identifier: Apache-2.0
// What comes out is what was signed, wherever it lay; and what is sealed stays so.
#include "loader/fetched.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "tests/unit/place.h"

#define TEXT "what was signed"
#define LEN  (sizeof(TEXT) - 1)

struct scene {
	struct fetched fetched;
	struct sha256 digest;
	char name[SHA256_HEX];
};

static void scene_drop(struct scene *scene)
{
	drop_fd(&scene->fetched.store_dirfd);
	drop_fd(&scene->fetched.copies_dirfd);
}

// A store and our copies; neither holds anything.
static struct scene scene_of(const struct place *place)
{
	struct scene scene;
	struct fault why = {0};

	assert_int_equal(mkdirat(place->fd, "store", 0700), 0);
	assert_int_equal(mkdirat(place->fd, "copies", 0700), 0);
	assert_int_equal(dir_open_at(place->fd, "store", &scene.fetched.store_dirfd, &why), 0);
	assert_int_equal(dir_open_at(place->fd, "copies", &scene.fetched.copies_dirfd, &why), 0);
	assert_int_equal(sha256_of(TEXT, LEN, &scene.digest, &why), 0);
	sha256_hex(&scene.digest, scene.name);
	return scene;
}

static void put(const struct scene *scene, int dirfd, const char *text)
{
	struct fault why = {0};

	assert_int_equal(file_replace_at(dirfd, scene->name, text, strlen(text), 0600, &why), 0);
}

static void comes_out(const struct scene *scene)
{
	OWNED(bytes_drop) struct bytes read = {0};
	OWNED(bytes_drop) struct bytes again = {0};
	OWNED(drop_fd) int sealed = -1;
	struct fault why = {0};

	assert_int_equal(fetched_read(&scene->fetched, &scene->digest, LEN, &read, &why), 0);
	assert_string_equal(bytes_text(&read), TEXT);
	assert_int_equal(fetched_seal(&scene->fetched, &scene->digest, LEN, &sealed, &why), 0);
	assert_int_equal(file_read_fd(sealed, LEN, &again, &why), 0);
	assert_string_equal(bytes_text(&again), TEXT);
	assert_int_equal(pwrite(sealed, "?", 1, 0), -1);
	assert_int_equal(ftruncate(sealed, 0), -1);
	assert_true(fcntl(sealed, F_GET_SEALS) & F_SEAL_SEAL);
}

static void is_refused(const struct scene *scene, uint64_t len, enum fault_code code)
{
	OWNED(bytes_drop) struct bytes read = {0};
	OWNED(drop_fd) int sealed = -1;
	struct fault why = {0};

	assert_int_equal(fetched_read(&scene->fetched, &scene->digest, len, &read, &why), -1);
	assert_int_equal(why.code, code);
	assert_int_equal(read.len, 0);
	assert_int_equal(fetched_seal(&scene->fetched, &scene->digest, len, &sealed, &why), -1);
	assert_int_equal(why.code, code);
	assert_int_equal(sealed, -1);
}

static void what_the_store_has_is_taken(void **state)
{
	OWNED(scene_drop) struct scene scene = scene_of(*state);

	is_refused(&scene, LEN, FAULT_NOT_FOUND);
	put(&scene, scene.fetched.store_dirfd, TEXT);
	comes_out(&scene);
}

static void what_the_store_lacks_is_taken_from_our_copies(void **state)
{
	OWNED(scene_drop) struct scene scene = scene_of(*state);

	put(&scene, scene.fetched.copies_dirfd, TEXT);
	comes_out(&scene);
	drop_fd(&scene.fetched.store_dirfd);
	comes_out(&scene);
}

static void what_is_damaged_in_the_store_is_taken_from_our_copies(void **state)
{
	static const char *const damaged[] = {"what was Signed", "what was signed and more",
					      "what was", ""};
	OWNED(scene_drop) struct scene scene = scene_of(*state);

	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		put(&scene, scene.fetched.store_dirfd, damaged[i]);
		is_refused(&scene, LEN, FAULT_DIGEST);
		put(&scene, scene.fetched.copies_dirfd, TEXT);
		comes_out(&scene);
		put(&scene, scene.fetched.copies_dirfd, damaged[i]);
		is_refused(&scene, LEN, FAULT_DIGEST);
		assert_int_equal(unlinkat(scene.fetched.copies_dirfd, scene.name, 0), 0);
	}
}

static void another_length_than_was_signed_is_refused(void **state)
{
	OWNED(scene_drop) struct scene scene = scene_of(*state);

	put(&scene, scene.fetched.store_dirfd, TEXT);
	is_refused(&scene, LEN - 1, FAULT_DIGEST);
	is_refused(&scene, LEN + 1, FAULT_DIGEST);
	is_refused(&scene, (uint64_t)INSPECT_OBJECT_MAX + 1, FAULT_TOO_LARGE);
}

// As the fetcher's user could: a link to what we may read and he may not.
static void a_link_is_not_followed(void **state)
{
	const struct place *place = *state;
	OWNED(scene_drop) struct scene scene = scene_of(place);
	struct fault why = {0};

	assert_int_equal(file_replace_at(place->fd, "elsewhere", TEXT, LEN, 0600, &why), 0);
	assert_int_equal(symlinkat("../elsewhere", scene.fetched.store_dirfd, scene.name), 0);
	is_refused(&scene, LEN, FAULT_OTHER);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_the_store_has_is_taken),
		IN_PLACE(what_the_store_lacks_is_taken_from_our_copies),
		IN_PLACE(what_is_damaged_in_the_store_is_taken_from_our_copies),
		IN_PLACE(another_length_than_was_signed_is_refused),
		IN_PLACE(a_link_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
