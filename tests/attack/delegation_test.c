// SPDX-License-Identifier: Apache-2.0
// A03, A14: delegations that reach for more than they were given, go in circles or fan out.
#include "tests/attack/attack.h"

static int find(struct sim *sim, const char *path, const char **role, struct fault *why)
{
	static char found[64];
	OWNED(client_drop) struct client *client = NULL;
	struct client_io io = sim_io(sim);
	const struct target *target;

	sim_requests_clear(sim);
	if (client_new(&io, &sim->limits, sim->now, &client, why) ||
	    client_find(client, path, &target, why))
		return -1;
	snprintf(found, sizeof(found), "%s", target->role);
	*role = found;
	return 0;
}

static void assert_found(struct sim *sim, const char *path, const char *role)
{
	struct fault why = {0};
	const char *by = NULL;

	if (find(sim, path, &by, &why))
		fault_print(&why, stderr);
	assert_int_equal(why.code, FAULT_NONE);
	assert_string_equal(by, role);
}

static void assert_not_found(struct sim *sim, const char *path, enum fault_code code)
{
	struct fault why = {0};
	const char *by;

	assert_int_equal(find(sim, path, &by, &why), -1);
	assert_code(&why, code);
}

static void a_role_cannot_name_a_path_outside_its_delegation(void **state)
{
	struct sim *sim = *state;

	sim_target(sim, "net", "storage/count/1.0.0.bundle", "not theirs");
	sim_target(sim, "net", "net/count/deep/1.0.0.bundle", "a star crosses no slash");
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	assert_not_found(sim, "storage/count/1.0.0.bundle", FAULT_UNTRUSTED);
	assert_not_found(sim, "net/count/deep/1.0.0.bundle", FAULT_UNTRUSTED);
	assert_found(sim, SIM_TARGET, "net");
}

static void roles_that_delegate_to_each_other_end_the_search(void **state)
{
	struct sim *sim = *state;

	sim_delegate(sim, "targets", "a", "*", false);
	sim_delegate(sim, "a", "b", "*", false);
	sim_delegate(sim, "b", "a", "*", false);
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_not_found(sim, "nowhere", FAULT_UNTRUSTED);
	assert_string_equal(sim_requests(sim), "2.root.json timestamp.json 2.snapshot.json "
					       "2.targets.json 1.a.json 1.b.json ");
	assert_accepted(sim);
}

static void a_fan_of_roles_ends_at_the_limit(void **state)
{
	struct sim *sim = *state;
	char name[16];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "fan%d", i);
		sim_delegate(sim, "targets", name, "*", false);
	}
	sim_target(sim, "fan39", "far", "away");
	sim_target(sim, "fan30", "near", "by");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_not_found(sim, "far", FAULT_TOO_LARGE);
	assert_null(strstr(sim_requests(sim), "fan32"));
	assert_found(sim, "near", "fan30");
}

static void a_terminating_delegation_ends_the_search(void **state)
{
	struct sim *sim = *state;

	sim_delegate(sim, "targets", "a", "x/*", false);
	sim_delegate(sim, "a", "b", "x/*", true);
	sim_delegate(sim, "a", "c", "x/*", false);
	sim_delegate(sim, "targets", "d", "x/*", false);
	sim_target(sim, "c", "x/beside", "cut off");
	sim_target(sim, "d", "x/above", "cut off too");
	sim_target(sim, "b", "x/here", "found");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_not_found(sim, "x/beside", FAULT_UNTRUSTED);
	assert_string_equal(sim_requests(sim), "2.root.json timestamp.json 2.snapshot.json "
					       "2.targets.json 1.a.json 1.b.json ");
	assert_not_found(sim, "x/above", FAULT_UNTRUSTED);
	assert_found(sim, "x/here", "b");
}

static void the_first_delegation_in_the_document_wins(void **state)
{
	struct sim *sim = *state;

	sim_delegate(sim, "targets", "zz", "x/*", false);
	sim_delegate(sim, "targets", "aa", "x/*", false);
	sim_target(sim, "zz", "x/same", "one");
	sim_target(sim, "aa", "x/same", "two");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_found(sim, "x/same", "zz");
	assert_null(strstr(sim_requests(sim), "1.aa.json"));
}

static void a_role_the_snapshot_does_not_list_is_not_even_asked_for(void **state)
{
	struct sim *sim = *state;

	sim_delegate(sim, "targets", "new", "x/*", false);
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	json_remove(sim_at(sim_role(sim, "snapshot")->body, "meta", NULL), "new.json");
	sim_serve(sim, "snapshot");
	assert_not_found(sim, "x/any", FAULT_UNTRUSTED);
	assert_null(strstr(sim_requests(sim), "new.json"));
	assert_accepted(sim);
}

static void a_delegated_role_may_not_take_the_name_of_a_top_level_one(void **state)
{
	static const char *const names[] = {"root", "timestamp", "snapshot", "targets", ""};
	struct sim *sim = *state;
	struct json *entry;

	for (size_t i = 0; i < 5; i++) {
		entry = (struct json *)(uintptr_t)json_item(
			sim_at(sim_role(sim, "targets")->body, "delegations", "roles", NULL), 0);
		sim_set_text(entry, "name", names[i]);
		sim_bump(sim_role(sim, "targets"));
		sim_publish(sim);
		assert_refused_keeping(sim, FAULT_FORMAT, 1, (int64_t)i + 2, (int64_t)i + 2, 1, 1);
	}
}

static void a_role_delegated_to_twice_by_one_role_is_refused(void **state)
{
	struct sim *sim = *state;

	sim_delegate(sim, "targets", "net", "other/*", false);
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_refused_keeping(sim, FAULT_FORMAT, 1, 2, 2, 1, 1);
}

// Two delegators name the same role with different keys: each time, the keys of the one we came by decide.
static void a_shared_role_is_verified_for_each_delegator(void **state)
{
	struct sim *sim = *state;
	struct sim_role *release;
	struct sim_key stranger = sim_key_new(sim), own;
	OWNED(client_drop) struct client *client = NULL;
	struct client_io io = sim_io(sim);
	const struct target *target;
	struct fault why = {0};

	sim_delegate(sim, "targets", "a", "a/*", false);
	sim_delegate(sim, "targets", "b", "b/*", false);
	release = sim_delegate(sim, "a", "release", "a/*", false);
	own = release->keys[0];
	release->keys[0] = stranger;
	sim_delegate(sim, "b", "release", "b/*", false);
	release->keys[0] = own;
	sim_target(sim, "release", "a/file", "signed for a");
	sim_target(sim, "release", "b/file", "never signed for b");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_int_equal(client_new(&io, &sim->limits, sim->now, &client, &why), 0);
	assert_int_equal(client_find(client, "a/file", &target, &why), 0);
	assert_int_equal(client_find(client, "b/file", &target, &why), -1);
	assert_code(&why, FAULT_SIGNATURE);
	assert_int_equal(client_find(client, "a/file", &target, &why), 0);
}

static void a_shared_role_signed_for_both_delegators_is_fetched_once(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};
	const char *first, *again;

	sim_delegate(sim, "targets", "a", "*/*", false);
	sim_delegate(sim, "targets", "b", "*/*", false);
	sim_delegate(sim, "a", "release", "a/*", false);
	sim_delegate(sim, "b", "release", "b/*", false);
	sim_delegate(sim, "release", "a", "*/*", false);
	sim_target(sim, "release", "b/file", "for b");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	sim_requests_clear(sim);
	assert_int_equal(sim_install(sim, "b/file", &why), 0);
	first = strstr(sim_requests(sim), "1.release.json");
	assert_non_null(first);
	again = strstr(first + 1, "1.release.json");
	assert_null(again);
}

static void names_that_are_no_file_names_are_quoted(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	sim_delegate(sim, "targets", "../up?#", "x/*", false);
	sim_target(sim, "../up?#", "x/file", "content");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_int_equal(sim_install(sim, "x/file", &why), 0);
	assert_non_null(strstr(sim_requests(sim), "1...%2Fup%3F%23.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(a_role_cannot_name_a_path_outside_its_delegation),
		SCENE(roles_that_delegate_to_each_other_end_the_search),
		SCENE(a_fan_of_roles_ends_at_the_limit),
		SCENE(a_terminating_delegation_ends_the_search),
		SCENE(the_first_delegation_in_the_document_wins),
		SCENE(a_role_the_snapshot_does_not_list_is_not_even_asked_for),
		SCENE(a_delegated_role_may_not_take_the_name_of_a_top_level_one),
		SCENE(a_role_delegated_to_twice_by_one_role_is_refused),
		SCENE(a_shared_role_is_verified_for_each_delegator),
		SCENE(a_shared_role_signed_for_both_delegators_is_fetched_once),
		SCENE(names_that_are_no_file_names_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
