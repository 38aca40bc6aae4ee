// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/repod/world.h"

#include "bpf/pack.h"
#include "repod/catalog.h"
#include "repod/soundness.h"

static void first_publication_is_committed_and_survives_a_restart(void **state)
{
	struct world *world = *state;

	assert_int_equal(world_versions(world).timestamp, 0);
	world_publish_first(world);
	assert_int_equal(world_versions(world).timestamp, 2);
	assert_int_equal(world_versions(world).snapshot, 2);
	assert_int_equal(world_role_version(world, "net"), 1);
	world_restart(world);
	assert_string_equal(world->mended, "");
	assert_int_equal(world_versions(world).timestamp, 2);
	assert_int_equal(world_role_version(world, "net"), 1);
}

static void the_same_bytes_again_are_taken_and_change_nothing(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_net(2), world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_SAME);
	assert_int_equal(world_versions(world).timestamp, 3);
}

static void the_same_version_with_other_bytes_is_a_conflict(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *other = world_net(1);
	struct fault why = {0};

	world_publish_first(world);
	world_blob(world, "x", 1);
	world_list(other, "net/a/x", "x", 1, NULL);
	world_seal(other, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_CONFLICT);
	assert_int_equal(world_versions(world).timestamp, 2);
}

static void a_stranger_signature_is_refused_and_leaves_no_file(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes file = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_net(2), world->targets, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_int_equal(world_role_version(world, "net"), 1);
	assert_int_equal(file_read_at(publish_metadata_dir(world->publish), "2.net.json", 1 << 20,
				      &file, &why),
			 -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

// Had the signer been asked first, its high-water mark would name a file that nobody can ever publish.
static void after_a_refused_version_the_right_one_is_taken(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_net(2), world->targets, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	world_seal(world_net(2), world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	world_seal(world_targets(world, 2), world->targets, &data);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_DONE);
}

static void a_role_that_nobody_delegates_to_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_net(1), world->net, &data);
	assert_int_equal(world_submit(world, "other", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
}

static void an_expired_or_overlong_role_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *document = NULL;
	struct fault why = {0};

	world_publish_first(world);
	assert_int_equal(signing_new_targets(2, WORLD_NOW, &document, &why), 0);
	world_seal(document, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_EXPIRED);
	assert_int_equal(signing_new_targets(2, WORLD_NOW + 200 * WORLD_DAY, &document, &why), 0);
	world_seal(document, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void a_target_whose_bytes_are_missing_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	struct fault why = {0};

	world_publish_first(world);
	world_list(net, "net/a/file", "never sent", 10, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static void a_target_outside_the_delegation_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	struct fault why = {0};

	world_publish_first(world);
	world_blob(world, "x", 1);
	world_list(net, "other/a/file", "x", 1, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
}

static void bytes_that_are_no_bundle_are_refused_under_a_bundle_path(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	struct fault why = {0};

	world_publish_first(world);
	world_blob(world, "junk", 4);
	world_list(net, "net/count/1.0.0.bundle", "junk", 4, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(world_role_version(world, "net"), 1);
}

static void build(const char *manifest, struct bytes *bundle, struct json **custom)
{
	OWNED(survey_drop) struct survey *survey = NULL;
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/bpf/%s", TEST_SOURCE_DIR, manifest);
	assert_int_equal(pack_build(path, TEST_BPF_DIR, bundle, &survey, &why), 0);
	assert_int_equal(bundle_custom(survey->bundle, custom, &why), 0);
}

static void a_published_bundle_never_changes_its_content(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes bundle = {0}, other = {0}, data = {0};
	struct json *custom = NULL, *other_custom = NULL;
	struct json *net = world_net(2);
	struct fault why = {0};

	build("count.json", &bundle, &custom);
	build("allow.json", &other, &other_custom);
	world_publish_first(world);
	world_blob(world, bundle.data, bundle.len);
	world_blob(world, other.data, other.len);
	world_list(net, "net/count/1.0.0.bundle", bundle.data, bundle.len, custom);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	net = world_net(3);
	world_list(net, "net/count/1.0.0.bundle", other.data, other.len, other_custom);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_CONFLICT);
	assert_int_equal(world_role_version(world, "net"), 2);
	// Also when it was withdrawn in between.
	world_seal(world_net(3), world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	net = world_net(4);
	build("allow.json", &other, &other_custom);
	world_list(net, "net/count/1.0.0.bundle", other.data, other.len, other_custom);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_CONFLICT);
}

// The top-level targets role may list anything itself.
static void a_deny_list_that_no_node_could_read_is_refused(void **state)
{
	static const char list[] = "{\"schema\":\"bpfseal.deny/1\",\"denied\":[]}";
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *targets = world_targets(world, 2);
	struct fault why = {0};

	world_publish_first(world);
	world_blob(world, "{}", 2);
	world_blob(world, list, strlen(list));
	world_list(targets, "deny/list.json", "{}", 2, NULL);
	world_seal(targets, world->targets, &data);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_int_equal(world_role_version(world, "targets"), 1);
	targets = world_targets(world, 2);
	world_list(targets, "deny/list.json", list, strlen(list), NULL);
	world_seal(targets, world->targets, &data);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_DONE);
}

static void a_bundle_whose_signed_members_differ_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes bundle = {0}, data = {0};
	struct json *custom = NULL;
	struct json *net = world_net(2);
	struct fault why = {0};

	build("count.json", &bundle, &custom);
	json_free(custom);
	world_publish_first(world);
	world_blob(world, bundle.data, bundle.len);
	world_list(net, "net/count/1.0.0.bundle", bundle.data, bundle.len, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_REFUSED);
}

static void a_new_root_is_taken_one_version_at_a_time(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_root(world, 3), world->root, &data);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_REFUSED);
	world_seal(world_root(world, 2), world->targets, &data);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	world_seal(world_root(world, 2), world->root, &data);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_DONE);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_SAME);
	assert_int_equal(world_versions(world).root, 2);
	world_restart(world);
	assert_int_equal(world_versions(world).root, 2);
}

static void a_root_is_taken_before_anything_is_published(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_seal(world_root(world, 2), world->root, &data);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_DONE);
	world_publish_first(world);
	assert_int_equal(world_versions(world).root, 2);
}

static void a_root_without_the_online_key_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *root = world_root(world, 2);
	struct fault why = {0};

	put_role(part(part(root, "signed"), "roles"), "timestamp", world->targets);
	world_seal(root, world->root, &data);
	assert_int_equal(world_submit(world, "root", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(world_versions(world).root, 1);
}

static void snapshot_and_timestamp_are_not_taken_from_anybody(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(signing_new_snapshot(9, WORLD_NOW + WORLD_DAY, &document, &why), 0);
	world_seal(document, world->online, &data);
	assert_int_equal(world_submit(world, "snapshot", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(world_submit(world, "timestamp", &data, &why), PUBLISH_REFUSED);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_REFUSED);
}

static void another_publishers_expired_role_does_not_stop_the_rest(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *document = NULL;
	struct fault why = {0};

	world_publish_first(world);
	assert_int_equal(signing_new_targets(2, WORLD_NOW + 60, &document, &why), 0);
	world_seal(document, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	world_clock = WORLD_NOW + 120;
	world_restart(world);
	world_seal(world_targets(world, 2), world->targets, &data);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_DONE);
}

static void what_has_lived_half_its_life_is_renewed(void **state)
{
	struct world *world = *state;
	struct fault why = {0};
	bool done = true;

	world_publish_first(world);
	assert_int_equal(publish_refresh(world->publish, &done, &why), 0);
	assert_false(done);
	world_clock = WORLD_NOW + WORLD_DAY / 2 + 1;
	world_restart(world);
	assert_int_equal(publish_refresh(world->publish, &done, &why), 0);
	assert_true(done);
	assert_int_equal(world_versions(world).timestamp, 3);
	assert_int_equal(world_versions(world).snapshot, 2);
	world_clock = WORLD_NOW + 4 * WORLD_DAY;
	world_restart(world);
	assert_int_equal(publish_refresh(world->publish, &done, &why), 0);
	assert_int_equal(world_versions(world).snapshot, 3);
}

// The crash lies between the signer's durable record and the rename of timestamp.json.
static void a_publication_that_was_signed_but_not_committed_is_completed(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0}, old = {0};
	OWNED(drop_heap) char *path = NULL;
	struct fault why = {0};
	bool done = false;

	world_publish_first(world);
	assert_int_equal(asprintf(&path, "%s/metadata/timestamp.json", world->state) > 0, 1);
	assert_int_equal(file_read(path, 1 << 20, &old, &why), 0);
	world_seal(world_net(2), world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	assert_int_equal(file_replace(path, old.data, old.len, 0600, &why), 0);
	world_restart(world);
	assert_int_equal(world_role_version(world, "net"), 1);
	assert_int_equal(publish_refresh(world->publish, &done, &why), 0);
	assert_true(done);
	assert_int_equal(world_role_version(world, "net"), 2);
	assert_int_equal(world_versions(world).timestamp, 4);
}

static void files_that_nobody_signed_for_are_removed_at_start(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes data = {0}, gone = {0};
	struct fault why = {0};

	world_publish_first(world);
	world_seal(world_net(7), world->net, &data);
	assert_int_equal(file_replace_at(publish_metadata_dir(world->publish), "7.net.json",
					 data.data, data.len, 0600, &why),
			 0);
	world_restart(world);
	assert_string_not_equal(world->mended, "");
	assert_int_equal(file_read_at(publish_metadata_dir(world->publish), "7.net.json", 1 << 20,
				      &gone, &why),
			 -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

// A62: the state is restored from before net 2; the signer remembers it.
static void an_older_copy_of_the_state_does_not_go_back(void **state)
{
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes net = {0}, targets = {0};
	struct fault why = {0};
	char command[512];

	world_publish_first(world);
	snprintf(command, sizeof(command), "cp -a %s %s/old", world->state, world->dir);
	assert_int_equal(system(command), 0);
	world_seal(world_net(2), world->net, &net);
	assert_int_equal(world_submit(world, "net", &net, &why), PUBLISH_DONE);
	world_seal(world_targets(world, 2), world->targets, &targets);
	assert_int_equal(world_submit(world, "targets", &targets, &why), PUBLISH_DONE);
	world_stop(world);
	snprintf(command, sizeof(command), "rm -rf %s && mv %s/old %s", world->state, world->dir,
		 world->state);
	assert_int_equal(system(command), 0);
	assert_int_equal(world_start(world, &why), 0);
	// One of the two alone is kept for later; with the other both are published.
	assert_int_equal(world_submit(world, "net", &net, &why), PUBLISH_HELD);
	assert_int_equal(why.code, FAULT_ROLLBACK);
	assert_int_equal(world_role_version(world, "net"), 1);
	assert_int_equal(world_submit(world, "targets", &targets, &why), PUBLISH_DONE);
	assert_int_equal(world_role_version(world, "net"), 2);
	assert_int_equal(world_role_version(world, "targets"), 2);
}

static void a_damaged_catalogue_is_made_anew_from_the_files(void **state)
{
	struct world *world = *state;
	OWNED(catalog_drop) struct catalog *catalog = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	struct sha256 digest;
	struct fault why = {0};
	char path[128];
	bool has;

	world_publish_first(world);
	digest = world_blob(world, "x", 1);
	world_list(net, "net/a/file", "x", 1, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	world_stop(world);
	snprintf(path, sizeof(path), "%s/%s", world->state, CATALOG_FILE);
	assert_int_equal(file_replace(path, "not a database at all, but long enough to be read", 50,
				      0600, &why),
			 0);
	assert_int_equal(world_start(world, &why), 0);
	assert_string_not_equal(world->mended, "");
	assert_int_equal(catalog_open(path, false, &catalog, &why), 0);
	assert_int_equal(catalog_has_target(catalog, "net/a/file", &digest, &has, &why), 0);
	assert_true(has);
}

static void check_finds_a_flipped_byte_and_nothing_else(void **state)
{
	struct world *world = *state;
	OWNED(soundness_drop) struct soundness sound = {0}, broken = {0};
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	char hex[SHA256_HEX];
	struct sha256 digest;
	struct fault why = {0};

	world_publish_first(world);
	digest = world_blob(world, "x", 1);
	world_list(net, "net/a/file", "x", 1, NULL);
	world_seal(net, world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
	assert_int_equal(soundness_check(world->state, WORLD_NOW, &sound, &why), 0);
	assert_int_equal(json_count(sound.damage), 0);
	assert_int_equal(json_count(sound.notes), 0);
	assert_int_equal(sound.targets, 1);
	assert_int_equal(sound.audit_records, 3);
	sha256_hex(&digest, hex);
	assert_int_equal(
		file_replace_at(publish_blobs_dir(world->publish), hex, "y", 1, 0600, &why), 0);
	assert_int_equal(soundness_check(world->state, WORLD_NOW, &broken, &why), 0);
	assert_int_equal(json_count(broken.damage), 1);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(first_publication_is_committed_and_survives_a_restart),
		WORLD_TEST(the_same_bytes_again_are_taken_and_change_nothing),
		WORLD_TEST(the_same_version_with_other_bytes_is_a_conflict),
		WORLD_TEST(a_stranger_signature_is_refused_and_leaves_no_file),
		WORLD_TEST(after_a_refused_version_the_right_one_is_taken),
		WORLD_TEST(a_role_that_nobody_delegates_to_is_refused),
		WORLD_TEST(an_expired_or_overlong_role_is_refused),
		WORLD_TEST(a_target_whose_bytes_are_missing_is_refused),
		WORLD_TEST(a_target_outside_the_delegation_is_refused),
		WORLD_TEST(bytes_that_are_no_bundle_are_refused_under_a_bundle_path),
		WORLD_TEST(a_published_bundle_never_changes_its_content),
		WORLD_TEST(a_bundle_whose_signed_members_differ_is_refused),
		WORLD_TEST(a_deny_list_that_no_node_could_read_is_refused),
		WORLD_TEST(a_new_root_is_taken_one_version_at_a_time),
		WORLD_TEST(a_root_is_taken_before_anything_is_published),
		WORLD_TEST(a_root_without_the_online_key_is_refused),
		WORLD_TEST(snapshot_and_timestamp_are_not_taken_from_anybody),
		WORLD_TEST(another_publishers_expired_role_does_not_stop_the_rest),
		WORLD_TEST(what_has_lived_half_its_life_is_renewed),
		WORLD_TEST(a_publication_that_was_signed_but_not_committed_is_completed),
		WORLD_TEST(files_that_nobody_signed_for_are_removed_at_start),
		WORLD_TEST(an_older_copy_of_the_state_does_not_go_back),
		WORLD_TEST(a_damaged_catalogue_is_made_anew_from_the_files),
		WORLD_TEST(check_finds_a_flipped_byte_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
