// SPDX-License-Identifier: Apache-2.0
#include "fetch/sweep.h"

#include "tests/unit/fetch/place.h"

#include "base/digest.h"
#include "base/owned.h"

struct world {
	struct place place;
	struct store *store;
};

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct fault why = {0};

	place_make(&world->place);
	assert_int_equal(store_open(world->place.path, 0, &world->store, &why), 0);
	mkdir(place_path(&world->place, "repo/corp"), 0750);
	mkdir(place_path(&world->place, "repo/corp/sets"), 0750);
	mkdir(place_path(&world->place, "repo/corp/sets/000000000001"), 0750);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	store_free(world->store);
	place_remove(&world->place);
	free(world);
	return 0;
}

static const char *keep(struct world *world, const char *text)
{
	static char hex[4][SHA256_HEX];
	static unsigned turn;
	struct sha256 digest;
	struct fault why = {0};

	assert_int_equal(sha256_of(text, strlen(text), &digest, &why), 0);
	assert_int_equal(store_keep(world->store, &digest, text, strlen(text), &why), 0);
	sha256_hex(&digest, hex[turn % 4]);
	return hex[turn++ % 4];
}

static const char *blob_path(const char *hex)
{
	static char path[128];

	snprintf(path, sizeof(path), "blobs/%s", hex);
	return path;
}

static void what_no_set_names_is_removed(void **state)
{
	struct world *world = *state;
	const char *bundle = keep(world, "bundle"), *member = keep(world, "member");
	const char *old = keep(world, "old");
	struct fault why = {0};
	char text[1024];
	size_t removed;

	snprintf(text, sizeof(text),
		 "{\"signed\":{\"targets\":{\"net/a/1.0.0.bundle\":{\"length\":6,\"hashes\":"
		 "{\"sha256\":\"%s\"},\"custom\":{\"bpfseal\":{\"name\":\"net/a\",\"version\":"
		 "\"1.0.0\",\"members\":{\"manifest.json\":{\"sha256\":\"%s\",\"length\":6}}}}}}}}",
		 bundle, member);
	place_write(&world->place, "repo/corp/sets/000000000001/1.targets.json", text);
	assert_int_equal(sweep_run(world->store, &removed, &why), 0);
	assert_int_equal(removed, 1);
	assert_true(place_has(&world->place, blob_path(bundle)));
	assert_true(place_has(&world->place, blob_path(member)));
	assert_false(place_has(&world->place, blob_path(old)));
}

static void a_set_that_cannot_be_read_keeps_everything(void **state)
{
	struct world *world = *state;
	const char *old = keep(world, "old");
	struct fault why = {0};
	size_t removed;

	place_write(&world->place, "repo/corp/sets/000000000001/1.targets.json", "{\"signed\":");
	assert_int_equal(sweep_run(world->store, &removed, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(removed, 0);
	assert_true(place_has(&world->place, blob_path(old)));
}

static void leftovers_of_a_kill_go_with_the_sweep(void **state)
{
	struct world *world = *state;
	struct fault why = {0};
	size_t removed;

	place_write(&world->place, "blobs/.tmp-1234", "half");
	assert_int_equal(sweep_run(world->store, &removed, &why), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(place_count(&world->place, "blobs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_no_set_names_is_removed, start, end),
		cmocka_unit_test_setup_teardown(a_set_that_cannot_be_read_keeps_everything, start,
						end),
		cmocka_unit_test_setup_teardown(leftovers_of_a_kill_go_with_the_sweep, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
