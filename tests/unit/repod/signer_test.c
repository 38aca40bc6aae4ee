// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/repod/world.h"

static struct json *meta_of(int64_t version, const char *digest_of)
{
	struct json *meta = json_make_object(), *entry = json_make_object();
	struct json *hashes = json_make_object();
	struct fault why = {0};
	struct sha256 digest;
	char hex[SHA256_HEX];

	assert_int_equal(sha256_of(digest_of, strlen(digest_of), &digest, &why), 0);
	sha256_hex(&digest, hex);
	assert_int_equal(json_put(meta, "targets.json", entry, &why), 0);
	assert_int_equal(json_put_int(entry, "version", version, &why), 0);
	assert_int_equal(json_put_int(entry, "length", 10, &why), 0);
	assert_int_equal(json_put(entry, "hashes", hashes, &why), 0);
	assert_int_equal(json_put_text(hashes, "sha256", hex, &why), 0);
	return meta;
}

#define EXPIRES (WORLD_NOW + WORLD_DAY)

// Asks for a snapshot of targets `role_version`; FAULT_NONE when it is signed.
static enum fault_code ask(const struct world *world, int64_t version, int64_t expires,
			   int64_t role_version, const char *content)
{
	OWNED(json_drop) struct json *meta = meta_of(role_version, content);
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	if (signer_snapshot(world->signer.fd, version, expires, meta, &out, &why))
		return why.code;
	assert_true(out.len > 0);
	return FAULT_NONE;
}

static enum fault_code ask_time(const struct world *world, int64_t version, int64_t expires)
{
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	return signer_timestamp(world->signer.fd, version, expires, &out, &why) ? why.code
										: FAULT_NONE;
}

static void it_signs_versions_upwards_only(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world, 5, EXPIRES, 1, "a"), FAULT_NONE);
	assert_int_equal(ask(world, 4, EXPIRES, 1, "a"), FAULT_ROLLBACK);
	assert_int_equal(ask(world, 6, EXPIRES, 2, "b"), FAULT_NONE);
	assert_int_equal(ask_time(world, 3, EXPIRES), FAULT_NONE);
	assert_int_equal(ask_time(world, 2, EXPIRES), FAULT_ROLLBACK);
}

static void the_same_version_is_only_ever_the_same_document(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world, 1, EXPIRES, 1, "a"), FAULT_NONE);
	assert_int_equal(ask(world, 1, EXPIRES, 1, "a"), FAULT_NONE);
	assert_int_equal(ask(world, 1, EXPIRES + 1, 1, "a"), FAULT_ROLLBACK);
	assert_int_equal(ask(world, 1, EXPIRES, 2, "b"), FAULT_ROLLBACK);
	assert_int_equal(ask_time(world, 1, EXPIRES), FAULT_NONE);
	assert_int_equal(ask_time(world, 1, EXPIRES), FAULT_NONE);
	assert_int_equal(ask(world, 2, EXPIRES, 2, "b"), FAULT_NONE);
	// It would now name another snapshot.
	assert_int_equal(ask_time(world, 1, EXPIRES), FAULT_ROLLBACK);
}

static void no_role_vanishes_goes_back_or_changes_under_its_version(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *empty = json_make_object();
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	assert_int_equal(ask(world, 1, EXPIRES, 3, "a"), FAULT_NONE);
	assert_int_equal(ask(world, 2, EXPIRES, 2, "a"), FAULT_ROLLBACK);
	assert_int_equal(ask(world, 2, EXPIRES, 3, "b"), FAULT_ROLLBACK);
	assert_int_equal(signer_snapshot(world->signer.fd, 2, EXPIRES, empty, &out, &why), -1);
	assert_int_equal(why.code, FAULT_ROLLBACK);
	assert_int_equal(ask(world, 2, EXPIRES, 3, "a"), FAULT_NONE);
}

static void nothing_lives_longer_than_the_cap_or_is_born_dead(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world, 1, WORLD_NOW + 8 * WORLD_DAY, 1, "a"), FAULT_POLICY);
	assert_int_equal(ask(world, 1, WORLD_NOW, 1, "a"), FAULT_POLICY);
	assert_int_equal(ask(world, 1, WORLD_NOW + 7 * WORLD_DAY, 1, "a"), FAULT_NONE);
	assert_int_equal(ask_time(world, 1, WORLD_NOW + 2 * WORLD_DAY), FAULT_POLICY);
}

static void a_version_does_not_leap(void **state)
{
	struct world *world = *state;

	assert_int_equal(ask(world, INT64_C(1) << 52, EXPIRES, 1, "a"), FAULT_POLICY);
	assert_int_equal(ask(world, 1000, EXPIRES, 1, "a"), FAULT_NONE);
}

static void there_is_no_timestamp_without_a_snapshot(void **state)
{
	assert_int_equal(ask_time(*state, 1, EXPIRES), FAULT_ROLLBACK);
}

static void it_remembers_over_a_restart(void **state)
{
	struct world *world = *state;
	struct signer_state known = {0};
	struct fault why = {0};

	assert_int_equal(ask(world, 7, EXPIRES, 1, "a"), FAULT_NONE);
	assert_int_equal(ask_time(world, 9, EXPIRES), FAULT_NONE);
	world_restart(world);
	assert_int_equal(signer_state(world->signer.fd, &known, &why), 0);
	assert_int_equal(known.snapshot_version, 7);
	assert_int_equal(known.timestamp_version, 9);
	assert_string_equal(known.key_id, secret_key_id(world->online));
	assert_int_equal(json_count(known.meta), 1);
	signer_state_drop(&known);
	assert_int_equal(ask(world, 6, EXPIRES, 1, "a"), FAULT_ROLLBACK);
}

static void a_damaged_record_is_no_empty_record(void **state)
{
	struct world *world = *state;
	OWNED(drop_fd) int dir = -1;
	struct signer_state known = {0};
	struct fault why = {0};

	assert_int_equal(ask(world, 7, EXPIRES, 1, "a"), FAULT_NONE);
	assert_int_equal(dir_open(world->signer_dir, &dir, &why), 0);
	assert_int_equal(file_replace_at(dir, "high-water.json", "{", 1, 0600, &why), 0);
	world_stop(world);
	assert_int_equal(world_start(world, &why), -1);
	assert_int_equal(signer_state(world->signer.fd, &known, &why), -1);
}

static void malformed_requests_are_refused_and_the_next_one_is_heard(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{\"version\":1}",
		"{\"version\":1,\"expires\":1800000100,\"meta\":{},\"extra\":1}",
		"{\"version\":-1,\"expires\":1800000100,\"meta\":{}}",
		"{\"version\":1,\"expires\":1800000100,\"meta\":{\"a\":1}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		OWNED(bytes_drop) struct bytes out = {0};
		struct fault why = {0};

		assert_int_equal(channel_ask(world->signer.fd, 2, bad[i], strlen(bad[i]), 1 << 20,
					     &out, &why),
				 -1);
		assert_int_not_equal(why.code, FAULT_NONE);
	}
	assert_int_equal(ask(world, 1, EXPIRES, 1, "a"), FAULT_NONE);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(it_signs_versions_upwards_only),
		WORLD_TEST(the_same_version_is_only_ever_the_same_document),
		WORLD_TEST(no_role_vanishes_goes_back_or_changes_under_its_version),
		WORLD_TEST(nothing_lives_longer_than_the_cap_or_is_born_dead),
		WORLD_TEST(a_version_does_not_leap),
		WORLD_TEST(there_is_no_timestamp_without_a_snapshot),
		WORLD_TEST(it_remembers_over_a_restart),
		WORLD_TEST(a_damaged_record_is_no_empty_record),
		WORLD_TEST(malformed_requests_are_refused_and_the_next_one_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
