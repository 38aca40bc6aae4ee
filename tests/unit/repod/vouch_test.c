// SPDX-License-Identifier: Apache-2.0
#include "base/owned.h"
#include "repod/vouch.h"

#include "keys/bins.h"
#include "tests/unit/repod/world.h"

// targets delegates to net, net to 16 bins, all of them published. A file of an unchanged role that is broken on disk
// tells whether a publication looks into it: nobody but a test does that, and the next start finds it.
#define BITS 4
#define BINS 16

static struct json *net_with_bins(int64_t version, const struct secret_key *key)
{
	OWNED(json_drop) struct json *keys = json_make_object();
	OWNED(json_drop) struct json *role = json_make_object();
	struct json *document = NULL, *ids = json_make_array();
	struct holder like = {keys, role};
	struct fault why = {0};

	assert_int_equal(signing_new_targets(version, WORLD_NOW + WORLD_LIFE, &document, &why), 0);
	put_key(keys, key);
	assert_int_equal(json_put(role, "keyids", ids, &why), 0);
	assert_int_equal(json_add(ids, json_make_text(secret_key_id(key)), &why), 0);
	assert_int_equal(json_put_int(role, "threshold", 1, &why), 0);
	assert_int_equal(bins_put(document, "net", BITS, &like, &why), 0);
	return document;
}

static enum publish_outcome submit(struct world *world, const char *role, struct json *document,
				   const struct secret_key *key, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	world_seal(document, key, &data);
	return world_submit(world, role, &data, why);
}

static void publish_bins(struct world *world)
{
	struct fault why = {0};
	char name[BINS_NAME_MAX];

	assert_int_equal(submit(world, "targets", world_targets(world, 1), world->targets, &why),
			 PUBLISH_DONE);
	assert_int_equal(submit(world, "net", net_with_bins(1, world->net), world->net, &why),
			 PUBLISH_DONE);
	for (uint32_t i = 0; i < BINS; i++) {
		bins_name("net", BITS, i, name);
		assert_int_equal(submit(world, name, world_net(1), world->net, &why), PUBLISH_DONE);
	}
}

static size_t checked(struct world *world)
{
	OWNED(release_drop) struct release *release = publish_release(world->publish);

	return release->checked;
}

static void break_file(struct world *world, const char *file)
{
	struct fault why = {0};

	assert_int_equal(
		file_replace_at(publish_metadata_dir(world->publish), file, "{}", 2, 0600, &why),
		0);
}

static size_t files(struct world *world)
{
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	assert_int_equal(names_list(publish_metadata_dir(world->publish), &names, &why), 0);
	return names.count;
}

static void a_publication_looks_into_what_changed_and_what_leads_to_it(void **state)
{
	struct world *world = *state;
	struct fault why = {0};
	size_t before;

	publish_bins(world);
	before = files(world);
	assert_int_equal(submit(world, "net-7", world_net(2), world->net, &why), PUBLISH_DONE);
	assert_int_equal(checked(world), 3);
	// The role and a snapshot; timestamp.json is replaced.
	assert_int_equal(files(world) - before, 2);
	world_restart(world);
	assert_int_equal(checked(world), 2 + BINS);
}

static void a_role_that_did_not_change_is_not_read_again_until_the_server_starts(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	break_file(world, "1.net-3.json");
	assert_int_equal(submit(world, "net-7", world_net(2), world->net, &why), PUBLISH_DONE);
	world_stop(world);
	assert_int_equal(world_start(world, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

static void a_changed_role_is_verified_whole_beside_unchanged_ones(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "net-7", world_net(2), world->targets, &why),
			 PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_int_equal(world_role_version(world, "net-7"), 1);
}

static void under_a_changed_delegator_every_role_is_looked_into(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "net", net_with_bins(2, world->net), world->net, &why),
			 PUBLISH_DONE);
	assert_int_equal(checked(world), 2 + BINS);
	break_file(world, "1.net-3.json");
	assert_int_equal(submit(world, "net", net_with_bins(3, world->net), world->net, &why),
			 PUBLISH_REFUSED);
	assert_int_equal(world_role_version(world, "net"), 2);
}

static void a_delegator_cannot_take_away_the_keys_of_roles_that_stay(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "net", net_with_bins(2, world->targets), world->net, &why),
			 PUBLISH_REFUSED);
	assert_int_equal(why.code, FAULT_SIGNATURE);
}

// Dropped by its delegator a role stays in the snapshot, and nobody looks at it; back again it is looked at anew.
static void a_role_that_nothing_led_to_is_not_vouched_for(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "targets", world_net(2), world->targets, &why),
			 PUBLISH_DONE);
	assert_int_equal(checked(world), 1);
	break_file(world, "1.net-3.json");
	assert_int_equal(submit(world, "targets", world_targets(world, 3), world->targets, &why),
			 PUBLISH_REFUSED);
	assert_int_equal(submit(world, "targets", world_net(3), world->targets, &why),
			 PUBLISH_DONE);
}

static void a_new_root_needs_no_look_into_the_bins(void **state)
{
	struct world *world = *state;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "root", world_root(world, 2), world->root, &why),
			 PUBLISH_DONE);
	assert_int_equal(checked(world), 2);
	assert_int_equal(submit(world, "net-7", world_net(2), world->net, &why), PUBLISH_DONE);
	assert_int_equal(checked(world), 3);
}

static void who_may_knock_stays_known(void **state)
{
	struct world *world = *state;
	OWNED(release_drop) struct release *release = NULL;
	struct fault why = {0};

	publish_bins(world);
	assert_int_equal(submit(world, "net-7", world_net(2), world->net, &why), PUBLISH_DONE);
	release = publish_release(world->publish);
	assert_non_null(release_knows(release, secret_key_id(world->net)));
	assert_non_null(release_knows(release, secret_key_id(world->targets)));
	assert_null(release_knows(release, secret_key_id(world->online)));
}

// ---- the rule itself ----

static struct role_meta meta_of(const struct release *release, const char *role)
{
	return release_role(release, role)->meta;
}

static void nothing_is_vouched_for_that_differs_in_version_or_digest(void **state)
{
	struct world *world = *state;
	OWNED(release_drop) struct release *release = NULL;
	OWNED(vouch_drop) struct vouch *vouch = NULL;
	struct role_meta net, bin, other;
	struct fault why = {0};

	publish_bins(world);
	release = publish_release(world->publish);
	assert_int_equal(vouch_new(release, &vouch, &why), 0);
	net = meta_of(release, "net");
	bin = meta_of(release, "net-3");
	const struct client_edge good = {"net", "net-3", &net, &bin};

	assert_false(vouch_used(vouch, "net-3"));
	assert_true(vouch_knows(vouch, &good));
	assert_true(vouch_used(vouch, "net-3"));
	assert_false(vouch_used(vouch, "net-4"));
	for (int i = 0; i < 6; i++) {
		struct client_edge edge = good;

		other = i < 3 ? bin : net;
		if (i % 3 == 0)
			other.version++;
		else if (i % 3 == 1)
			other.sha256.byte[31] ^= 1;
		else
			other.has_sha256 = false;
		if (i < 3)
			edge.meta = &other;
		else
			edge.delegator_meta = &other;
		assert_false(vouch_knows(vouch, &edge));
	}
	// A role that delegates is always read: what stands below it would not be looked at.
	struct role_meta targets = meta_of(release, "targets");
	const struct client_edge inner = {"targets", "net", &targets, &net};

	assert_false(vouch_knows(vouch, &inner));
}

static void without_a_release_nothing_is_vouched_for(void **state)
{
	OWNED(vouch_drop) struct vouch *vouch = NULL;
	struct role_meta meta = {.version = 1, .has_sha256 = true};
	const struct client_edge edge = {"net", "net-3", &meta, &meta};
	struct fault why = {0};

	(void)state;
	assert_int_equal(vouch_new(NULL, &vouch, &why), 0);
	assert_false(vouch_knows(vouch, &edge));
	assert_false(vouch_used(vouch, "net-3"));
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_publication_looks_into_what_changed_and_what_leads_to_it),
		WORLD_TEST(a_role_that_did_not_change_is_not_read_again_until_the_server_starts),
		WORLD_TEST(a_changed_role_is_verified_whole_beside_unchanged_ones),
		WORLD_TEST(under_a_changed_delegator_every_role_is_looked_into),
		WORLD_TEST(a_delegator_cannot_take_away_the_keys_of_roles_that_stay),
		WORLD_TEST(a_role_that_nothing_led_to_is_not_vouched_for),
		WORLD_TEST(a_new_root_needs_no_look_into_the_bins),
		WORLD_TEST(who_may_knock_stays_known),
		WORLD_TEST(nothing_is_vouched_for_that_differs_in_version_or_digest),
		cmocka_unit_test(without_a_release_nothing_is_vouched_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
