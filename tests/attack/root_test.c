// SPDX-License-Identifier: Apache-2.0
// A08, A20, A21, A24: who may say what the keys are.
#include "tests/attack/attack.h"

static void a_new_root_needs_the_old_keys(void **state)
{
	struct sim *sim = *state;

	sim_rotate(sim, "root", 2, 2);
	sim_publish_root(sim, NULL);
	assert_refused(sim, FAULT_SIGNATURE);
}

static void a_new_root_needs_its_own_keys(void **state)
{
	struct sim *sim = *state;
	struct sim_role *root = sim_role(sim, "root");
	struct sim_role old = *root;

	sim_rotate(sim, "root", 2, 2);
	memcpy(root->keys, old.keys, sizeof(old.keys));
	root->key_count = old.key_count;
	sim_publish_root(sim, NULL);
	assert_refused(sim, FAULT_SIGNATURE);
}

static void a_new_root_signed_by_old_and_new_keys_is_kept(void **state)
{
	struct sim *sim = *state;
	struct sim_role old = *sim_role(sim, "root");

	sim_rotate(sim, "root", 3, 2);
	sim_publish_root(sim, &old);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "root"), 2);
}

static void a_root_that_skips_a_version_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes third = {0};

	sim_set_int(sim_role(sim, "root")->body, "version", 3);
	sim_sign(sim_role(sim, "root"), &third);
	replay(sim, "2.root.json", &third);
	assert_refused(sim, FAULT_UNTRUSTED);
}

static void the_same_root_again_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes first = {0};

	sim_sign(sim_role(sim, "root"), &first);
	replay(sim, "2.root.json", &first);
	assert_refused(sim, FAULT_ROLLBACK);
}

static void an_expired_root_between_two_good_ones_does_not_matter(void **state)
{
	struct sim *sim = *state;
	struct sim_role *root = sim_role(sim, "root");

	sim_set_time(root, SIM_NOW - SIM_DAY);
	sim_publish_root(sim, NULL);
	sim_set_time(root, SIM_NOW + SIM_DAY);
	sim_publish_root(sim, NULL);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "root"), 3);
	assert_memory_equal(sim_requests(sim),
			    "2.root.json 3.root.json 4.root.json timestamp.json ",
			    strlen("2.root.json 3.root.json 4.root.json timestamp.json "));
}

static void an_expired_last_root_is_kept_and_refuses_everything_after_it(void **state)
{
	struct sim *sim = *state;

	sim_publish_root(sim, NULL);
	sim_set_time(sim_role(sim, "root"), SIM_NOW);
	sim_publish_root(sim, NULL);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_EXPIRED, 3, 1, 1, 1, 1);
}

static void good_roots_before_a_bad_one_are_kept(void **state)
{
	struct sim *sim = *state;

	sim_publish_root(sim, NULL);
	sim_rotate(sim, "root", 1, 1);
	sim_publish_root(sim, NULL);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 1, 1, 1, 1);
}

static void no_more_roots_are_read_in_one_run_than_the_limit(void **state)
{
	struct sim *sim = *state;

	sim->limits.rotations_max = 3;
	for (int i = 0; i < 5; i++)
		sim_publish_root(sim, NULL);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "root"), 4);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "root"), 6);
}

static void without_a_trusted_root_nothing_is_asked_for(void **state)
{
	struct sim *sim = *state;

	sim_forget(sim, "root");
	assert_refused(sim, FAULT_UNTRUSTED);
	assert_string_equal(sim_requests(sim), "");
}

static void
a_trusted_root_that_its_own_keys_did_not_sign_is_refused_before_any_request(void **state)
{
	struct sim *sim = *state;
	struct bytes *kept = sim_kept_bytes(sim, "root");
	char *sig = strstr((char *)kept->data, "\"sig\":\"");

	assert_non_null(sig);
	sig[7] = sig[7] == '0' ? '1' : '0';
	assert_refused(sim, FAULT_SIGNATURE);
	assert_string_equal(sim_requests(sim), "");
}

// ---- fast-forward (A20) ----

static void attacker_moves_version_far_ahead(struct sim *sim, const char *role)
{
	sim_set_int(sim_role(sim, role)->body, "version", 99999);
	sim_publish(sim);
	assert_accepted(sim);
}

static void after_new_keys_a_fast_forwarded_timestamp_is_forgotten(void **state)
{
	struct sim *sim = *state;

	attacker_moves_version_far_ahead(sim, "timestamp");
	sim_rotate(sim, "timestamp", 1, 1);
	sim_publish_root(sim, NULL);
	sim_set_int(sim_role(sim, "timestamp")->body, "version", 2);
	sim_publish(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 3);
}

static void after_new_keys_a_fast_forwarded_snapshot_is_forgotten(void **state)
{
	struct sim *sim = *state;

	attacker_moves_version_far_ahead(sim, "snapshot");
	sim_rotate(sim, "timestamp", 1, 1);
	sim_rotate(sim, "snapshot", 1, 1);
	sim_publish_root(sim, NULL);
	sim_set_int(sim_role(sim, "snapshot")->body, "version", 2);
	sim_publish(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "snapshot"), 3);
}

static void after_new_keys_fast_forwarded_targets_are_forgotten(void **state)
{
	struct sim *sim = *state;

	attacker_moves_version_far_ahead(sim, "targets");
	sim_rotate(sim, "timestamp", 1, 1);
	sim_rotate(sim, "snapshot", 1, 1);
	sim_rotate(sim, "targets", 1, 1);
	sim_publish_root(sim, NULL);
	sim_set_int(sim_role(sim, "targets")->body, "version", 1);
	sim_publish(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "targets"), 1);
}

static void without_new_keys_a_lower_version_stays_refused(void **state)
{
	struct sim *sim = *state;

	attacker_moves_version_far_ahead(sim, "timestamp");
	sim_publish_root(sim, NULL);
	sim_set_int(sim_role(sim, "timestamp")->body, "version", 2);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 2, 100000, 2, 1, 1);
}

static void a_revoked_targets_key_counts_no_more(void **state)
{
	struct sim *sim = *state;
	struct sim_role *targets = sim_role(sim, "targets");
	struct sim_key old = targets->keys[0];

	sim_rotate(sim, "targets", 1, 1);
	targets->keys[0] = old;
	sim_publish_root(sim, NULL);
	assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 1, 1, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(a_new_root_needs_the_old_keys),
		SCENE(a_new_root_needs_its_own_keys),
		SCENE(a_new_root_signed_by_old_and_new_keys_is_kept),
		SCENE(a_root_that_skips_a_version_is_refused),
		SCENE(the_same_root_again_is_refused),
		SCENE(an_expired_root_between_two_good_ones_does_not_matter),
		SCENE(an_expired_last_root_is_kept_and_refuses_everything_after_it),
		SCENE(good_roots_before_a_bad_one_are_kept),
		SCENE(no_more_roots_are_read_in_one_run_than_the_limit),
		SCENE(without_a_trusted_root_nothing_is_asked_for),
		SCENE(a_trusted_root_that_its_own_keys_did_not_sign_is_refused_before_any_request),
		SCENE(after_new_keys_a_fast_forwarded_timestamp_is_forgotten),
		SCENE(after_new_keys_a_fast_forwarded_snapshot_is_forgotten),
		SCENE(after_new_keys_fast_forwarded_targets_are_forgotten),
		SCENE(without_new_keys_a_lower_version_stays_refused),
		SCENE(a_revoked_targets_key_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
