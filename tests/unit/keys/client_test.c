// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/client.h"
#include "tests/sim/sim.h"

static int open_sim(void **state)
{
	*state = sim_new();
	return 0;
}

static int close_sim(void **state)
{
	sim_free(*state);
	return 0;
}

static struct client *start(struct sim *sim)
{
	struct client_io io = sim_io(sim);
	struct client *client = NULL;
	struct fault why = {0};

	assert_int_equal(client_new(&io, &sim->limits, sim->now, &client, &why), 0);
	return client;
}

static void assert_requests(struct sim *sim, const char *requests)
{
	struct fault why = {0};

	sim_requests_clear(sim);
	if (sim_refresh(sim, &why))
		fault_print(&why, stderr);
	assert_int_equal(why.code, FAULT_NONE);
	assert_string_equal(sim_requests(sim), requests);
}

static void only_what_changed_is_asked_for(void **state)
{
	struct sim *sim = *state;

	assert_requests(sim, "2.root.json timestamp.json 1.snapshot.json 1.targets.json ");
	assert_requests(sim, "2.root.json timestamp.json ");
	sim_publish(sim);
	assert_requests(sim, "2.root.json timestamp.json 2.snapshot.json ");
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_requests(sim, "2.root.json timestamp.json 3.snapshot.json 2.targets.json ");
	sim_publish_root(sim, NULL);
	assert_requests(sim, "2.root.json 3.root.json timestamp.json ");
}

static void a_lost_file_is_asked_for_again_under_an_unchanged_timestamp(void **state)
{
	struct sim *sim = *state;

	assert_requests(sim, "2.root.json timestamp.json 1.snapshot.json 1.targets.json ");
	sim_forget(sim, "targets");
	assert_requests(sim, "2.root.json timestamp.json 1.targets.json ");
	sim_forget(sim, "snapshot");
	assert_requests(sim, "2.root.json timestamp.json 1.snapshot.json ");
}

static void without_consistent_snapshots_files_have_no_number_but_roots_do(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	sim->consistent = false;
	assert_int_equal(json_put(sim_role(sim, "root")->body, "consistent_snapshot",
				  json_make_bool(false), &why),
			 0);
	sim_publish_root(sim, NULL);
	sim_publish(sim);
	assert_requests(sim, "2.root.json 3.root.json timestamp.json snapshot.json targets.json ");
	json_remove(sim_role(sim, "root")->body, "consistent_snapshot");
	sim_publish_root(sim, NULL);
	sim_publish(sim);
	assert_requests(sim, "3.root.json 4.root.json timestamp.json snapshot.json ");
}

static void a_missing_file_keeps_what_was_verified_before_it(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	sim_withdraw(sim, "1.targets.json");
	assert_int_equal(sim_refresh(sim, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_int_equal(sim_kept(sim, "timestamp"), 1);
	assert_int_equal(sim_kept(sim, "snapshot"), 1);
	assert_int_equal(sim_kept(sim, "targets"), 0);
}

static void a_refused_refresh_stays_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = start(sim);
	struct fault why = {0}, again = {0};
	const struct target *target;

	sim->outage = FAULT_NETWORK;
	assert_int_equal(client_refresh(client, &why), -1);
	sim->outage = FAULT_NONE;
	sim_requests_clear(sim);
	assert_int_equal(client_find(client, SIM_TARGET, &target, &again), -1);
	assert_int_equal(again.code, FAULT_NETWORK);
	assert_string_equal(again.text, why.text);
	assert_string_equal(sim_requests(sim), "");
}

static void find_refreshes_by_itself_and_loads_only_what_it_needs(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = NULL;
	const struct target *target, *again;
	struct fault why = {0};

	sim_delegate(sim, "targets", "other", "other/*/*", false);
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	client = start(sim);
	assert_int_equal(client_find(client, SIM_TARGET, &target, &why), 0);
	assert_string_equal(sim_requests(sim), "2.root.json timestamp.json 2.snapshot.json "
					       "2.targets.json 1.net.json ");
	assert_string_equal(target->path, SIM_TARGET);
	assert_string_equal(target->role, "net");
	assert_int_equal(target->length, strlen(SIM_CONTENT));
	sim_requests_clear(sim);
	assert_int_equal(client_find(client, SIM_TARGET, &again, &why), 0);
	assert_int_equal(client_find(client, "none/such/1", &again, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_string_equal(sim_requests(sim), "");
	assert_string_equal(target->path, SIM_TARGET);
}

static void everything_that_can_be_reached_is_loaded(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	sim_delegate(sim, "net", "deep", "net/*/*", true);
	sim_delegate(sim, "deep", "net", "net/*/*", false);
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	assert_int_equal(sim_install(sim, SIM_TARGET, &why), 0);
	assert_int_equal(sim_kept(sim, "deep"), 1);
	sim_bump(sim_role(sim, "deep"));
	sim_role(sim, "deep")->keys[0] = sim_key_new(sim);
	sim_publish(sim);
	assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_int_equal(sim_kept(sim, "deep"), 1);
}

// Knows the edges it is told in `known` ("targets>net "), and writes down those that it was asked.
struct knowledge {
	const char *known;
	struct bytes asked;
};

static bool knows(void *ctx, const struct client_edge *edge)
{
	struct knowledge *knowledge = ctx;
	struct fault why = {0};
	char text[128];

	assert_non_null(edge->delegator_meta);
	assert_non_null(edge->meta);
	snprintf(text, sizeof(text), "%s %d>%s %d ", edge->delegator,
		 (int)edge->delegator_meta->version, edge->role, (int)edge->meta->version);
	assert_int_equal(bytes_append_text(&knowledge->asked, text, &why), 0);
	return strstr(knowledge->known, text) != NULL;
}

static void what_is_known_is_not_asked_for_again(void **state)
{
	struct sim *sim = *state;
	struct knowledge knowledge = {.known = "net 2>b 1 "};
	OWNED(client_drop) struct client *client = NULL;
	struct fault why = {0};

	sim_delegate(sim, "net", "a", "net/a/*", false);
	sim_delegate(sim, "net", "b", "net/b/*", false);
	sim_bump(sim_role(sim, "net"));
	sim_publish(sim);
	client = start(sim);
	sim_requests_clear(sim);
	assert_int_equal(client_load_unknown(client, knows, &knowledge, &why), 0);
	assert_string_equal(bytes_text(&knowledge.asked), "targets 1>net 2 net 2>a 1 net 2>b 1 ");
	assert_string_equal(sim_requests(sim), "2.root.json timestamp.json 2.snapshot.json "
					       "1.targets.json 2.net.json 1.a.json ");
	assert_string_equal(client_targets(client, 2)->name, "a");
	assert_null(client_targets(client, 3));
	bytes_drop(&knowledge.asked);
}

// A role that several delegate to is passed over only where all of them were known.
static void what_is_known_of_one_delegator_is_verified_for_the_other(void **state)
{
	struct sim *sim = *state;
	struct knowledge knowledge = {.known = "net 2>b 1 "};
	OWNED(client_drop) struct client *client = NULL;
	struct sim_role *shared = sim_delegate(sim, "net", "b", "net/*/*", false);
	struct sim_key own = shared->keys[0];
	struct fault why = {0};

	// Signed for the first of the two only.
	shared->keys[0] = sim_key_new(sim);
	sim_delegate(sim, "targets", "b", "net/*/*", false);
	shared->keys[0] = own;
	sim_bump(sim_role(sim, "net"));
	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	client = start(sim);
	assert_int_equal(client_load_unknown(client, knows, &knowledge, &why), -1);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	bytes_drop(&knowledge.asked);
}

static void for_a_verdict_alone_no_contents_are_kept(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = start(sim);
	const struct targets *targets, *net;
	struct target ignored;
	struct fault why = {0};

	assert_int_equal(client_verify_all(client, &why), 0);
	targets = client_targets(client, 0);
	net = client_targets(client, 1);
	assert_string_equal(net->name, "net");
	assert_int_equal(net->role->version, 1);
	assert_null(net->role->document);
	assert_false(targets_find(net, SIM_TARGET, &ignored));
	// Who delegates is asked later who may sign what.
	assert_non_null(targets->role->document);
	assert_true(client_knows_publisher(client, sim_role(sim, "net")->keys[0].public));
}

// It is the same verdict: for each delegator on its own, and on what is reached in a second way as well.
static void a_verdict_alone_is_as_strict(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};

	for (int i = 0; i < 2; i++) {
		OWNED(client_drop) struct client *client = NULL;
		struct sim_role *net = sim_role(sim, "net");
		struct sim_key own = net->keys[0];

		sim_delegate(sim, "targets", i ? "b" : "a", "net/*/*", false);
		// The second of the two that delegate to it means another key.
		if (i)
			net->keys[0] = sim_key_new(sim);
		sim_delegate(sim, i ? "b" : "a", "net", "net/*/*", false);
		net->keys[0] = own;
		sim_bump(sim_role(sim, "targets"));
		sim_publish(sim);
		client = start(sim);
		assert_int_equal(client_verify_all(client, &why), i ? -1 : 0);
	}
	assert_int_equal(why.code, FAULT_SIGNATURE);
}

static int note_role(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		     struct fault *why)
{
	assert_non_null(data);
	assert_true(len > 0);
	return bytes_format(ctx, why, "%s %d, ", role, (int)version);
}

static int stop_at_once(void *ctx, const char *role, int64_t version, const void *data, size_t len,
			struct fault *why)
{
	(void)role;
	(void)version;
	(void)data;
	(void)len;
	++*(int *)ctx;
	return fault_set(why, FAULT_POLICY, "enough");
}

static void the_verified_roles_are_told_in_order(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = start(sim);
	OWNED(bytes_drop) struct bytes told = {0};
	struct fault why = {0};
	int calls = 0;

	assert_int_equal(client_roles(client, note_role, &told, &why), 0);
	assert_string_equal(bytes_text(&told), "root 1, ");
	assert_int_equal(client_load_all(client, &why), 0);
	bytes_drop(&told);
	assert_int_equal(client_roles(client, note_role, &told, &why), 0);
	assert_string_equal(bytes_text(&told),
			    "root 1, timestamp 1, snapshot 1, targets 1, net 1, ");
	assert_int_equal(client_roles(client, stop_at_once, &calls, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(calls, 1);
}

static void versions_are_zero_before_they_are_known(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = start(sim);
	struct client_versions versions;
	struct fault why = {0};

	client_versions(client, &versions);
	assert_int_equal(versions.root, 1);
	assert_int_equal(versions.timestamp, 0);
	assert_int_equal(versions.targets, 0);
	assert_int_equal(client_refresh(client, &why), 0);
	client_versions(client, &versions);
	assert_int_equal(versions.timestamp, 1);
	assert_int_equal(versions.snapshot, 1);
	assert_int_equal(versions.targets, 1);
	assert_int_equal(versions.targets_expires, SIM_NOW + SIM_LIFE);
	assert_string_equal(client_class(client), "private");
}

static void who_may_sign_a_targets_role_is_known_and_nobody_else(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = start(sim);
	struct sim_key stranger = sim_key_new(sim);
	struct fault why = {0};

	assert_int_equal(client_load_all(client, &why), 0);
	assert_true(client_knows_publisher(client, sim_role(sim, "targets")->keys[0].public));
	assert_true(client_knows_publisher(client, sim_role(sim, "net")->keys[0].public));
	assert_false(client_knows_publisher(client, sim_role(sim, "root")->keys[0].public));
	assert_false(client_knows_publisher(client, sim_role(sim, "snapshot")->keys[0].public));
	assert_false(client_knows_publisher(client, stranger.public));
}

// A new publisher must be let in before the snapshot lists the first metadata of its role.
static void a_publisher_is_known_before_its_role_is_published(void **state)
{
	struct sim *sim = *state;
	OWNED(client_drop) struct client *client = NULL;
	struct sim_role *fresh = sim_delegate(sim, "targets", "fresh", "fresh/*/*", false);
	struct fault why = {0};

	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	json_remove(sim_at(sim_role(sim, "snapshot")->body, "meta", NULL), "fresh.json");
	sim_serve(sim, "snapshot");
	client = start(sim);
	assert_int_equal(client_load_all(client, &why), 0);
	assert_true(client_knows_publisher(client, fresh->keys[0].public));
}

#define WITH_SIM(test) cmocka_unit_test_setup_teardown(test, open_sim, close_sim)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SIM(only_what_changed_is_asked_for),
		WITH_SIM(a_lost_file_is_asked_for_again_under_an_unchanged_timestamp),
		WITH_SIM(without_consistent_snapshots_files_have_no_number_but_roots_do),
		WITH_SIM(a_missing_file_keeps_what_was_verified_before_it),
		WITH_SIM(a_refused_refresh_stays_refused),
		WITH_SIM(find_refreshes_by_itself_and_loads_only_what_it_needs),
		WITH_SIM(everything_that_can_be_reached_is_loaded),
		WITH_SIM(what_is_known_is_not_asked_for_again),
		WITH_SIM(what_is_known_of_one_delegator_is_verified_for_the_other),
		WITH_SIM(for_a_verdict_alone_no_contents_are_kept),
		WITH_SIM(a_verdict_alone_is_as_strict),
		WITH_SIM(the_verified_roles_are_told_in_order),
		WITH_SIM(versions_are_zero_before_they_are_known),
		WITH_SIM(who_may_sign_a_targets_role_is_known_and_nobody_else),
		WITH_SIM(a_publisher_is_known_before_its_role_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
