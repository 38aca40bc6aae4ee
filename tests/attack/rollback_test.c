// SPDX-License-Identifier: Apache-2.0
// A02-A05, A20-A23: old files served again, files of different ages mixed, time standing still.
#include "tests/attack/attack.h"

#include "base/file.h"
#include "keys/local.h"

static void publish_version_2(struct sim *sim)
{
	sim_bump(sim_role(sim, "targets"));
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "net"), 2);
}

static void an_older_timestamp_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes old = {0};

	copy_served(sim, "timestamp.json", &old);
	publish_version_2(sim);
	replay(sim, "timestamp.json", &old);
	assert_refused(sim, FAULT_ROLLBACK);
}

static void a_newer_timestamp_that_names_an_older_snapshot_is_refused(void **state)
{
	struct sim *sim = *state;
	struct sim_role *timestamp = sim_role(sim, "timestamp");

	publish_version_2(sim);
	sim_bump(timestamp);
	sim_set_int(sim_at(timestamp->body, "meta", "snapshot.json", NULL), "version", 1);
	sim_serve(sim, "timestamp");
	assert_refused(sim, FAULT_ROLLBACK);
}

static void an_older_snapshot_under_a_new_name_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes old = {0};

	copy_served(sim, "1.snapshot.json", &old);
	sim_publish(sim);
	replay(sim, "2.snapshot.json", &old);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 2, 1, 1, 1);
}

static void older_targets_under_a_new_name_are_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes old = {0};

	copy_served(sim, "1.targets.json", &old);
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	replay(sim, "2.targets.json", &old);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 2, 2, 1, 1);
}

static void an_older_delegated_role_under_a_new_name_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes old = {0};

	copy_served(sim, "1.net.json", &old);
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	replay(sim, "2.net.json", &old);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 2, 2, 1, 1);
}

static void a_snapshot_that_lists_older_targets_is_refused(void **state)
{
	struct sim *sim = *state;

	publish_version_2(sim);
	sim_set_int(sim_role(sim, "targets")->body, "version", 1);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 3, 2, 2, 2);
}

static void a_snapshot_that_lists_an_older_delegated_role_is_refused(void **state)
{
	struct sim *sim = *state;

	publish_version_2(sim);
	sim_set_int(sim_role(sim, "net")->body, "version", 1);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 3, 2, 2, 2);
}

static void a_role_that_vanishes_from_the_snapshot_is_refused(void **state)
{
	struct sim *sim = *state;

	sim_publish(sim);
	json_remove(sim_at(sim_role(sim, "snapshot")->body, "meta", NULL), "net.json");
	sim_serve(sim, "snapshot");
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 2, 1, 1, 1);
}

static void the_kept_snapshot_guards_even_when_its_digest_is_outdated(void **state)
{
	struct sim *sim = *state;

	sim->hashes = true;
	publish_version_2(sim);
	sim_set_int(sim_role(sim, "targets")->body, "version", 1);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_ROLLBACK, 1, 3, 2, 2, 2);
}

static void an_expired_kept_timestamp_still_guards_against_rollback(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes old = {0};
	struct sim_role *timestamp = sim_role(sim, "timestamp");

	sim_set_time(timestamp, SIM_NOW + 30 * SIM_DAY);
	sim_serve(sim, "timestamp");
	copy_served(sim, "timestamp.json", &old);
	sim_set_time(timestamp, SIM_NOW + 60);
	sim_publish(sim);
	assert_accepted(sim);
	sim->now = SIM_NOW + 120;
	replay(sim, "timestamp.json", &old);
	assert_refused(sim, FAULT_ROLLBACK);
}

static void a_timestamp_of_the_same_version_with_other_content_is_not_followed(void **state)
{
	struct sim *sim = *state;
	struct sha256 before = sim_state(sim), after;

	sim_set_int(sim_at(sim_role(sim, "timestamp")->body, "meta", "snapshot.json", NULL),
		    "version", 9);
	sim_serve(sim, "timestamp");
	assert_accepted(sim);
	after = sim_state(sim);
	assert_true(sha256_equal(&before, &after));
}

// Version 3 is published, and some of its files are those of version 2 under the new names (A02): every choice of them.
static void every_mix_of_old_and_new_files_is_refused(void **state)
{
	static const char *const roles[] = {"timestamp", "snapshot", "targets", "net"};

	for (unsigned mask = 1; mask < 16; mask++) {
		struct sim *sim = *state;
		struct bytes old[4] = {{0}};
		int64_t kept[4];
		unsigned first = 0;
		char file[64];

		publish_version_2(sim);
		for (size_t i = 0; i < 4; i++) {
			snprintf(file, sizeof(file), "%s%s.json", i ? "2." : "", roles[i]);
			copy_served(sim, file, &old[i]);
		}
		sim_bump(sim_role(sim, "targets"));
		sim_bump(sim_role(sim, "net"));
		sim_publish(sim);
		for (size_t i = 0; i < 4; i++) {
			snprintf(file, sizeof(file), "%s%s.json", i ? "3." : "", roles[i]);
			if (mask & 1u << i)
				replay(sim, file, &old[i]);
			bytes_drop(&old[i]);
		}
		while (!(mask & 1u << first))
			first++;
		// An old timestamp, equal to the kept one, is followed: then nothing is new.
		if (first == 0) {
			assert_accepted(sim);
			assert_int_equal(sim_kept(sim, "net"), 2);
		} else {
			for (unsigned i = 0; i < 4; i++)
				kept[i] = i < first ? 3 : 2;
			assert_refused_keeping(sim, FAULT_ROLLBACK, 1, kept[0], kept[1], kept[2],
					       kept[3]);
		}
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// ---- mixing ages (A05) ----

static void targets_newer_than_the_snapshot_says_are_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes newer = {0};

	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	sim_set_int(sim_role(sim, "targets")->body, "version", 3);
	sim_sign(sim_role(sim, "targets"), &newer);
	replay(sim, "2.targets.json", &newer);
	assert_refused_keeping(sim, FAULT_UNTRUSTED, 1, 2, 2, 1, 1);
}

static void a_snapshot_other_than_the_timestamps_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(bytes_drop) struct bytes newer = {0};

	sim_publish(sim);
	sim_set_int(sim_role(sim, "snapshot")->body, "version", 3);
	sim_sign(sim_role(sim, "snapshot"), &newer);
	replay(sim, "2.snapshot.json", &newer);
	assert_refused_keeping(sim, FAULT_UNTRUSTED, 1, 2, 1, 1, 1);
}

static void signed_metadata_with_another_digest_is_refused(void **state)
{
	struct sim *sim = *state;

	sim->hashes = true;
	sim_bump(sim_role(sim, "targets"));
	sim_set_text(sim_role(sim, "targets")->body, "x-note", "one");
	sim_publish(sim);
	sim_set_text(sim_role(sim, "targets")->body, "x-note", "two");
	sim_serve(sim, "targets");
	assert_refused_keeping(sim, FAULT_DIGEST, 1, 2, 2, 1, 1);
}

// ---- time standing still (A04, A21) ----

static void expired_roles_are_refused(void **state)
{
	static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "net"};
	struct sim *sim = *state;

	for (size_t i = 0; i < 5; i++) {
		for (struct sim_role *role = sim->roles; role; role = role->next)
			sim_set_time(role, SIM_NOW + 2 * SIM_DAY);
		sim_set_time(sim_role(sim, roles[i]), SIM_NOW + SIM_DAY);
		sim->now = SIM_NOW;
		sim_bump(sim_role(sim, "targets"));
		sim_bump(sim_role(sim, "net"));
		sim_publish_root(sim, NULL);
		sim_publish(sim);
		assert_accepted(sim);
		// One second before it is good, at the second itself no longer.
		sim->now = SIM_NOW + SIM_DAY - 1;
		assert_accepted(sim);
		sim->now = SIM_NOW + SIM_DAY;
		assert_refused(sim, FAULT_EXPIRED);
	}
}

static void an_expired_fresh_timestamp_is_not_kept(void **state)
{
	struct sim *sim = *state;

	sim_set_time(sim_role(sim, "timestamp"), SIM_NOW - 1);
	sim_publish(sim);
	assert_refused(sim, FAULT_EXPIRED);
}

static void an_expired_fresh_snapshot_is_not_kept(void **state)
{
	struct sim *sim = *state;

	sim_set_time(sim_role(sim, "snapshot"), SIM_NOW - 1);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_EXPIRED, 1, 2, 1, 1, 1);
}

static void expired_fresh_targets_are_not_kept(void **state)
{
	struct sim *sim = *state;

	sim_bump(sim_role(sim, "targets"));
	sim_set_time(sim_role(sim, "targets"), SIM_NOW - 1);
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_EXPIRED, 1, 2, 2, 1, 1);
}

// A22: whoever moves the clock forward stops the node, and spoils nothing for good.
static void a_clock_far_ahead_refuses_everything_and_forgets_nothing(void **state)
{
	static const int64_t ahead[] = {2 * SIM_DAY, 3650 * SIM_DAY, 50 * 365 * SIM_DAY,
					INT64_C(9000000000)};
	struct sim *sim = *state;

	for (size_t i = 0; i < 4; i++) {
		sim->now = SIM_NOW + ahead[i];
		assert_refused(sim, FAULT_EXPIRED);
		sim->now = SIM_NOW;
		assert_accepted(sim);
	}
}

static void times_past_2038_are_compared_as_any_others(void **state)
{
	struct sim *sim = *state;
	const int64_t late = (INT64_C(1) << 31) + 1000; // 2038-01-19

	for (struct sim_role *role = sim->roles; role; role = role->next)
		sim_set_time(role, late);
	sim_publish_root(sim, NULL);
	sim_bump(sim_role(sim, "targets"));
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	sim->now = late - 1;
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "net"), 2);
	sim->now = late;
	assert_refused(sim, FAULT_EXPIRED);
}

static void an_error_in_place_of_the_next_root_does_not_freeze_the_old_one(void **state)
{
	struct sim *sim = *state;

	sim->outage = FAULT_NETWORK;
	assert_refused(sim, FAULT_NETWORK);
	assert_string_equal(sim_requests(sim), "2.root.json ");
}

static void a_clock_set_back_is_refused_and_a_later_one_is_not(void **state)
{
	char path[] = "/tmp/bpfseal-clock-XXXXXX";
	struct fault why = {0};
	int dirfd;

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_int_equal(dir_open(path, &dirfd, &why), 0);
	assert_int_equal(local_clock_check(dirfd, SIM_NOW, &why), 0);
	assert_int_equal(local_clock_raise(dirfd, SIM_NOW, &why), 0);
	assert_int_equal(local_clock_check(dirfd, SIM_NOW - 1, &why), -1);
	assert_code(&why, FAULT_CLOCK);
	assert_int_equal(local_clock_raise(dirfd, SIM_NOW - SIM_DAY, &why), 0);
	assert_int_equal(local_clock_check(dirfd, 0, &why), -1);
	assert_code(&why, FAULT_CLOCK);
	assert_int_equal(local_clock_check(dirfd, SIM_NOW + 50 * 365 * SIM_DAY, &why), 0);
	assert_int_equal(file_remove_at(dirfd, "clock", &why), 0);
	close(dirfd);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(an_older_timestamp_is_refused),
		SCENE(a_newer_timestamp_that_names_an_older_snapshot_is_refused),
		SCENE(an_older_snapshot_under_a_new_name_is_refused),
		SCENE(older_targets_under_a_new_name_are_refused),
		SCENE(an_older_delegated_role_under_a_new_name_is_refused),
		SCENE(a_snapshot_that_lists_older_targets_is_refused),
		SCENE(a_snapshot_that_lists_an_older_delegated_role_is_refused),
		SCENE(a_role_that_vanishes_from_the_snapshot_is_refused),
		SCENE(the_kept_snapshot_guards_even_when_its_digest_is_outdated),
		SCENE(an_expired_kept_timestamp_still_guards_against_rollback),
		SCENE(a_timestamp_of_the_same_version_with_other_content_is_not_followed),
		SCENE(every_mix_of_old_and_new_files_is_refused),
		SCENE(targets_newer_than_the_snapshot_says_are_refused),
		SCENE(a_snapshot_other_than_the_timestamps_is_refused),
		SCENE(signed_metadata_with_another_digest_is_refused),
		SCENE(expired_roles_are_refused),
		SCENE(an_expired_fresh_timestamp_is_not_kept),
		SCENE(an_expired_fresh_snapshot_is_not_kept),
		SCENE(expired_fresh_targets_are_not_kept),
		SCENE(a_clock_far_ahead_refuses_everything_and_forgets_nothing),
		SCENE(times_past_2038_are_compared_as_any_others),
		SCENE(an_error_in_place_of_the_next_root_does_not_freeze_the_old_one),
		cmocka_unit_test(a_clock_set_back_is_refused_and_a_later_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
