// SPDX-License-Identifier: Apache-2.0
// A10-A13, A15-A17: who signed, counted in keys and in nothing else.
#include "tests/attack/attack.h"

// Publishes a targets role signed by these keys and returns the node to judge it.
static void serve_targets_signed_by(struct sim *sim, const struct sim_key *keys, size_t count)
{
	struct sim_role *targets = sim_role(sim, "targets");

	memcpy(targets->keys, keys, count * sizeof(*keys));
	targets->key_count = count;
	sim_bump(targets);
	sim_publish(sim);
}

// Serves the root again with another threshold or key list, and the targets by `count` of its keys.
static void two_of_three(struct sim *sim, size_t signers)
{
	struct sim_key keys[3];

	sim_rotate(sim, "targets", 3, 2);
	memcpy(keys, sim_role(sim, "targets")->keys, sizeof(keys));
	sim_publish_root(sim, NULL);
	serve_targets_signed_by(sim, keys, signers);
}

static void two_of_three_keys_are_enough_for_a_threshold_of_two(void **state)
{
	two_of_three(*state, 2);
	assert_accepted(*state);
}

static void one_key_is_not_enough_for_a_threshold_of_two(void **state)
{
	two_of_three(*state, 1);
	assert_refused_keeping(*state, FAULT_SIGNATURE, 2, 2, 2, 1, 1);
}

static void a_key_listed_under_two_ids_counts_once(void **state)
{
	struct sim *sim = *state;
	struct json *root = sim_role(sim, "root")->body;
	struct sim_role *targets = sim_role(sim, "targets");
	struct fault why = {0};
	struct json *ids;

	targets->keys[1] = targets->keys[0];
	strcpy(targets->keys[1].id, "another-name");
	targets->key_count = 2;
	assert_int_equal(json_put(sim_at(root, "keys", NULL), "another-name",
				  sim_key_json(&targets->keys[1]), &why),
			 0);
	ids = sim_at(root, "roles", "targets", "keyids", NULL);
	assert_int_equal(json_add(ids, json_make_text("another-name"), &why), 0);
	sim_set_int(sim_at(root, "roles", "targets", NULL), "threshold", 2);
	sim_publish_root(sim, NULL);
	sim_bump(targets);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 2, 2, 1, 1);
}

static void a_key_id_listed_nine_times_counts_once(void **state)
{
	struct sim *sim = *state;
	struct json *root = sim_role(sim, "root")->body;
	struct sim_role *targets = sim_role(sim, "targets");
	struct fault why = {0};

	for (int i = 0; i < 8; i++)
		assert_int_equal(json_add(sim_at(root, "roles", "targets", "keyids", NULL),
					  json_make_text(targets->keys[0].id), &why),
				 0);
	sim_set_int(sim_at(root, "roles", "targets", NULL), "threshold", 2);
	sim_publish_root(sim, NULL);
	sim_bump(targets);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 2, 2, 1, 1);
}

static void a_key_id_in_two_signatures_refuses_the_file(void **state)
{
	struct sim *sim = *state;
	struct sim_role *timestamp = sim_role(sim, "timestamp");

	timestamp->keys[1] = timestamp->keys[0];
	timestamp->key_count = 2;
	sim_publish(sim);
	assert_refused(sim, FAULT_FORMAT);
}

static void a_strangers_key_counts_for_nothing(void **state)
{
	struct sim *sim = *state;
	struct sim_key stranger = sim_key_new(sim);

	serve_targets_signed_by(sim, &stranger, 1);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 1, 2, 2, 1, 1);
}

static void a_strangers_key_under_a_trusted_id_counts_for_nothing(void **state)
{
	struct sim *sim = *state;
	struct sim_key forged = sim_key_new(sim);

	strcpy(forged.id, sim_role(sim, "targets")->keys[0].id);
	serve_targets_signed_by(sim, &forged, 1);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 1, 2, 2, 1, 1);
}

static void a_stranger_beside_a_good_signer_spoils_nothing(void **state)
{
	struct sim *sim = *state;
	struct sim_key keys[2] = {sim_key_new(sim), sim_role(sim, "targets")->keys[0]};

	serve_targets_signed_by(sim, keys, 2);
	assert_accepted(sim);
}

static void no_role_can_be_signed_with_the_key_of_another(void **state)
{
	static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
	struct sim *sim = *state;

	for (size_t i = 0; i < 4; i++) {
		struct sim_role *victim = sim_role(sim, roles[i]);
		struct sim_key own = victim->keys[0];

		for (size_t j = 0; j < 4; j++) {
			if (i == j)
				continue;
			victim->keys[0] = sim_role(sim, roles[j])->keys[0];
			sim_bump(victim);
			if (i)
				sim_publish(sim);
			else
				sim_serve(sim, "root");
			assert_int_not_equal(sim_kept(sim, roles[i]), sim_version(victim));
			{
				struct fault why = {0};

				assert_int_equal(sim_refresh(sim, &why), -1);
				assert_code(&why, FAULT_SIGNATURE);
			}
			assert_int_not_equal(sim_kept(sim, roles[i]), sim_version(victim));
			if (!i) {
				sim_withdraw(sim, "2.root.json");
				sim_set_int(victim->body, "version", 1);
			}
			victim->keys[0] = own;
		}
		sim_publish(sim);
		assert_accepted(sim);
	}
}

static void a_role_does_not_pass_for_another_one_even_when_both_have_the_same_key(void **state)
{
	struct sim *sim = *state;
	struct json *root = sim_role(sim, "root")->body;
	struct sim_role *snapshot = sim_role(sim, "snapshot");
	struct sim_role *timestamp = sim_role(sim, "timestamp");
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	timestamp->keys[0] = snapshot->keys[0];
	assert_int_equal(json_put(sim_at(root, "roles", NULL), "timestamp",
				  json_keep(sim_at(root, "roles", "snapshot", NULL)), &why),
			 0);
	sim_publish_root(sim, NULL);
	sim_bump(snapshot);
	sim_bump(snapshot);
	sim_sign(snapshot, &data);
	sim_serve_raw(sim, "timestamp.json", data.data, data.len);
	assert_refused_keeping(sim, FAULT_FORMAT, 2, 1, 1, 1, 1);
}

static void a_threshold_below_one_is_refused(void **state)
{
	static const int64_t thresholds[] = {0, -1, INT64_MIN};
	struct sim *sim = *state;

	for (size_t i = 0; i < 3; i++) {
		sim_set_int(sim_at(sim_role(sim, "root")->body, "roles", "timestamp", NULL),
			    "threshold", thresholds[i]);
		sim_set_int(sim_role(sim, "root")->body, "version", 2);
		sim_serve(sim, "root");
		assert_refused(sim, FAULT_FORMAT);
	}
}

static void a_threshold_that_cannot_be_met_is_never_met(void **state)
{
	struct sim *sim = *state;

	sim_set_int(sim_at(sim_role(sim, "root")->body, "roles", "snapshot", NULL), "threshold", 6);
	sim_publish_root(sim, NULL);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 2, 1, 1, 1);
}

static void an_empty_key_list_trusts_nobody(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	assert_int_equal(json_put(sim_at(sim_role(sim, "root")->body, "roles", "snapshot", NULL),
				  "keyids", json_make_array(), &why),
			 0);
	sim_publish_root(sim, NULL);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 2, 1, 1, 1);
}

// A17: an unknown scheme must mean "does not count", never "need not be checked".
static void a_key_of_an_unknown_scheme_counts_for_nothing(void **state)
{
	static const char *const schemes[] = {"none", "", "ED25519", "rsassa-pss-sha256",
					      "ed25519ph"};
	struct sim *sim = *state;

	for (size_t i = 0; i < 5; i++) {
		struct sim_role *root = sim_role(sim, "root");
		struct sim_role *snapshot = sim_role(sim, "snapshot");

		sim_set_text(sim_at(root->body, "keys", snapshot->keys[0].id, NULL), "scheme",
			     schemes[i]);
		sim_publish_root(sim, NULL);
		sim_publish(sim);
		assert_refused_keeping(sim, FAULT_SIGNATURE, (int64_t)i + 2, (int64_t)i + 2, 1, 1,
				       1);
	}
}

static void malformed_signatures_neither_count_nor_spoil_the_good_one(void **state)
{
	static const char *const sigs[] = {"", "00", "zz", "  ", "0"};
	struct sim *sim = *state;

	for (size_t i = 0; i < 5; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(bytes_drop) struct bytes with = {0};
		struct fault why = {0};
		char *list;

		sim_bump(sim_role(sim, "timestamp"));
		sim_sign(sim_role(sim, "timestamp"), &data);
		list = strstr((char *)data.data, "\"signatures\":[");
		assert_non_null(list);
		list += strlen("\"signatures\":[");
		assert_int_equal(
			bytes_append(&with, data.data, (size_t)(list - (char *)data.data), &why),
			0);
		assert_int_equal(bytes_format(&with, &why, "{\"keyid\":\"x\",\"sig\":\"%s\"},%s",
					      sigs[i], list),
				 0);
		sim_serve_raw(sim, "timestamp.json", with.data, with.len);
		assert_accepted(sim);
		assert_int_equal(sim_kept(sim, "timestamp"), (int64_t)i + 2);
	}
}

// A13: with a key of its own for each repository, the files of one are worth nothing in another.
static void the_files_of_another_repository_are_refused(void **state)
{
	struct sim *sim = *state;
	struct sim *other = sim_new();
	OWNED(bytes_drop) struct bytes timestamp = {0};

	for (int i = 0; i < 9; i++)
		(void)sim_key_new(other);
	sim_rotate(other, "timestamp", 1, 1);
	sim_publish(other);
	copy_served(other, "timestamp.json", &timestamp);
	replay(sim, "timestamp.json", &timestamp);
	assert_refused(sim, FAULT_SIGNATURE);
	sim_free(other);
}

// What is so, and why `trust add` refuses a second repository with the same keys (keys/sharedkeys.c): nothing in a signed
// file says for which repository it was signed.
static void with_the_same_key_the_files_of_another_repository_would_pass(void **state)
{
	struct sim *sim = *state;
	struct sim *other = sim_new();
	OWNED(bytes_drop) struct bytes timestamp = {0};

	// The simulator makes the same keys in each repository.
	assert_string_equal(sim_role(sim, "timestamp")->keys[0].id,
			    sim_role(other, "timestamp")->keys[0].id);
	sim_bump(sim_role(other, "timestamp"));
	sim_serve(other, "timestamp");
	copy_served(other, "timestamp.json", &timestamp);
	replay(sim, "timestamp.json", &timestamp);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 2);
	sim_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(two_of_three_keys_are_enough_for_a_threshold_of_two),
		SCENE(one_key_is_not_enough_for_a_threshold_of_two),
		SCENE(a_key_listed_under_two_ids_counts_once),
		SCENE(a_key_id_listed_nine_times_counts_once),
		SCENE(a_key_id_in_two_signatures_refuses_the_file),
		SCENE(a_strangers_key_counts_for_nothing),
		SCENE(a_strangers_key_under_a_trusted_id_counts_for_nothing),
		SCENE(a_stranger_beside_a_good_signer_spoils_nothing),
		SCENE(no_role_can_be_signed_with_the_key_of_another),
		SCENE(a_role_does_not_pass_for_another_one_even_when_both_have_the_same_key),
		SCENE(a_threshold_below_one_is_refused),
		SCENE(a_threshold_that_cannot_be_met_is_never_met),
		SCENE(an_empty_key_list_trusts_nobody),
		SCENE(a_key_of_an_unknown_scheme_counts_for_nothing),
		SCENE(malformed_signatures_neither_count_nor_spoil_the_good_one),
		SCENE(the_files_of_another_repository_are_refused),
		SCENE(with_the_same_key_the_files_of_another_repository_would_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
