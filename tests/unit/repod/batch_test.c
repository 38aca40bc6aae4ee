// SPDX-License-Identifier: Apache-2.0
#include "repod/batch.h"

#include "tests/unit/repod/world.h"

static struct json *batch_begin(void)
{
	struct json *document = json_make_object();
	struct fault why = {0};

	assert_int_equal(json_put(document, "roles", json_make_array(), &why), 0);
	return document;
}

static void batch_put(struct json *document, const char *role, const struct bytes *data)
{
	struct json *entry = json_make_object();
	struct fault why = {0};

	assert_int_equal(json_add((struct json *)json_member(document, "roles"), entry, &why), 0);
	assert_int_equal(json_put_text(entry, "role", role, &why), 0);
	assert_int_equal(json_put_text(entry, "document", bytes_text(data), &why), 0);
}

static enum publish_outcome submit(struct world *world, struct json *document, struct fault *why)
{
	OWNED(json_drop) struct json *mine = document;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(batch_drop) struct batch batch = {0};
	OWNED(release_drop) struct release *release = NULL;
	enum publish_outcome outcome;

	assert_int_equal(json_write(mine, false, &text, why), 0);
	assert_int_equal(batch_parse(text.data, text.len, &batch, why), 0);
	if (publish_submit_all(world->publish, &batch, "test", &outcome, &release, why) == 0)
		assert_non_null(release);
	return outcome;
}

static void several_roles_are_one_commit(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes targets = {0}, net = {0};
	struct json *document = batch_begin();
	struct fault why = {0};

	world_seal(world_targets(world, 1), world->targets, &targets);
	world_seal(world_net(1), world->net, &net);
	// In any order: they are judged together.
	batch_put(document, "net", &net);
	batch_put(document, "targets", &targets);
	assert_int_equal(submit(world, document, &why), PUBLISH_DONE);
	assert_int_equal(world_versions(world).snapshot, 1);
	assert_int_equal(world_versions(world).timestamp, 1);
	assert_int_equal(world_role_version(world, "net"), 1);
}

static void one_bad_role_refuses_all_of_them(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes targets = {0}, net = {0}, file = {0};
	struct json *document = batch_begin();
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_targets(world, 2), world->targets, &targets);
	world_seal(world_net(2), world->targets, &net);
	batch_put(document, "targets", &targets);
	batch_put(document, "net", &net);
	assert_int_equal(submit(world, document, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_int_equal(world_versions(world).timestamp, 2);
	fault_clear(&why);
	assert_int_equal(file_read_at(publish_metadata_dir(world->publish), "2.targets.json",
				      1 << 20, &file, &why),
			 -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

// The old key's role does not hold under the new delegation, nor the new key's under the old one.
static void a_delegates_key_changes_together_with_its_role(void **state)
{
	struct world *world = *state;
	OWNED(secret_key_drop) struct secret_key *fresh = NULL;
	OWNED(bytes_drop) struct bytes targets = {0}, net = {0};
	struct json *document = batch_begin();
	struct fault why = {0};

	world_publish_first(world);
	assert_int_equal(secret_key_new(&fresh, &why), 0);
	secret_key_free(world->net);
	world->net = HAND_OVER(fresh);
	world_seal(world_targets(world, 2), world->targets, &targets);
	world_seal(world_net(2), world->net, &net);
	assert_int_equal(world_submit(world, "targets", &targets, &why), PUBLISH_REFUSED);
	fault_clear(&why);
	batch_put(document, "targets", &targets);
	batch_put(document, "net", &net);
	assert_int_equal(submit(world, document, &why), PUBLISH_DONE);
	assert_int_equal(world_role_version(world, "net"), 2);
}

static void what_is_published_already_is_passed_over(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes targets = {0}, net = {0};
	struct json *document = batch_begin(), *again = batch_begin();
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_targets(world, 1), world->targets, &targets);
	world_seal(world_net(2), world->net, &net);
	batch_put(document, "targets", &targets);
	batch_put(document, "net", &net);
	batch_put(again, "net", &net);
	assert_int_equal(submit(world, document, &why), PUBLISH_DONE);
	assert_int_equal(world_role_version(world, "net"), 2);
	assert_int_equal(submit(world, again, &why), PUBLISH_SAME);
	assert_int_equal(world_versions(world).timestamp, 3);
}

static void a_root_comes_in_no_batch(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes root = {0};
	struct json *document = batch_begin();
	struct fault why = {0};

	world_seal(world_root(world, 2), world->root, &root);
	batch_put(document, "root", &root);
	assert_int_equal(submit(world, document, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(world_versions(world).root, 1);
}

static void what_is_no_batch_is_refused(void **state)
{
	static const char twice[] = "{\"roles\":[{\"role\":\"a\",\"document\":\"\"},{\"role\":"
				    "\"a\",\"document\":\"\"}]}";
	const char *const bad[] = {
		"[]",
		"{}",
		"{\"roles\":[]}",
		"{\"roles\":[{\"role\":\"a\"}]}",
		"{\"roles\":[{\"role\":\"a\",\"document\":{}}]}",
		"{\"roles\":[{\"role\":\"a\",\"document\":\"\",\"more\":1}]}",
		twice,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct batch batch = {0};
		struct fault why = {0};

		assert_int_equal(batch_parse(bad[i], strlen(bad[i]), &batch, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_null(batch.list);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(several_roles_are_one_commit),
		TEST(one_bad_role_refuses_all_of_them),
		TEST(a_delegates_key_changes_together_with_its_role),
		TEST(what_is_published_already_is_passed_over),
		TEST(a_root_comes_in_no_batch),
		cmocka_unit_test(what_is_no_batch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
