// SPDX-License-Identifier: Apache-2.0
// What is known of a pattern holds for every interface that comes under it: a rollback, a denial. And that one comes, goes
// or gets another name is no change that anybody made: a rollback does not stop there.
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/hold.h"
#include "loader/record.h"
#include "tests/kernel/world.h"

#define NEWEST "\"xdp\":[{\"use\":\"net/count\",\"version\":\"*\"}]"

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", NULL};

	if (!ready)
		return 0;
	// All interfaces of a test go with its namespace.
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	world_up(state, manifests);
	return 0;
}

static void add_iface(const char *name, const char *peer)
{
	ground_sh("ip link add %s type veth peer name %s && ip link set %s up && ip link set %s up",
		  name, peer, name, peer);
}

static void rolled_back(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	must(stock_rollback(stock, STOCK_NOW, NULL, &plan, &why), &why);
	must(stock_run(stock, plan, &why), &why);
}

static const struct json *chain_of(const struct json *record, const char *iface)
{
	return record_chain(record, iface, "xdp");
}

// The version that runs on an interface, and whether it is held there: "2.0.0", "1.0.0 held", "" for none.
static void runs(const struct stock *stock, const char *iface, const char *expected)
{
	OWNED(json_drop) struct json *record = NULL;
	struct truth truth;
	struct fault why = {0};
	char text[64] = "";

	must(record_load(stock->loader_dirfd, stock->ground->tree, &record, &why) ||
		     truth_read(stock->ground->tree, iface, HOOK_XDP, &truth, &why),
	     &why);
	if (truth.attached && truth.entered)
		snprintf(text, sizeof(text), "%s%s",
			 json_text(json_member(
				 json_item(json_member(chain_of(record, iface), "members"), 0),
				 "version")),
			 hold_of(chain_of(record, iface)) ? " held" : "");
	assert_string_equal(text, expected);
}

// 1.0.0 runs on seal0 and seal1, then 2.0.0 does.
static void upgraded(struct stock *stock)
{
	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" NEWEST "}");
	applied(stock);
	runs(stock, "seal0", "1.0.0");
	runs(stock, "seal1", "1.0.0");
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "seal0", "2.0.0");
	runs(stock, "seal1", "2.0.0");
}

static void one_that_comes_or_goes_is_no_change_to_go_back_behind(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	ground_sh("ip link del seal1");
	applied(stock);
	add_iface("seal2", "peer2");
	applied(stock);
	runs(stock, "seal2", "2.0.0");
	rolled_back(stock);
	runs(stock, "seal0", "1.0.0 held");
	// It came after the bad version, and goes back all the same.
	runs(stock, "seal2", "1.0.0 held");
	runs(stock, "seal1", "");
}

static void one_that_comes_while_its_pattern_is_held_is_held_too(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock);
	add_iface("seal2", "peer2");
	applied(stock);
	runs(stock, "seal2", "1.0.0 held");
	// And forward again with the others.
	rolled_back(stock);
	runs(stock, "seal0", "2.0.0");
	runs(stock, "seal1", "2.0.0");
	runs(stock, "seal2", "2.0.0");
}

static void what_is_gone_is_forgotten_also_where_it_was_held(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *previous = NULL;
	struct fault why = {0};

	upgraded(stock);
	rolled_back(stock);
	ground_sh("ip link del seal1");
	applied(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->count, 1);
	assert_int_equal(plan_waiting(plan), 0);
	must(record_read(stock->loader_dirfd, RECORD_ACTIVE, &active, &why) ||
		     record_read(stock->loader_dirfd, RECORD_PREVIOUS, &previous, &why),
	     &why);
	assert_null(chain_of(active, "seal1"));
	assert_null(chain_of(previous, "seal1"));
	assert_non_null(chain_of(previous, "seal0"));
}

static void after_a_reboot_nobody_waits_for_what_was_held_and_is_gone(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	rolled_back(stock);
	ground_sh("ip link del seal1 && rm -r %s/seal1", stock->ground->tree);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->count, 1);
	assert_int_equal(plan_waiting(plan), 0);
}

static void a_rollback_finds_a_chain_under_its_interfaces_new_name(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	ground_sh("ip link set seal1 down && ip link set seal1 name seal7 && ip link set seal7 up");
	// Until its chain has followed, it would be a mix-up.
	assert_int_equal(stock_rollback(stock, STOCK_NOW, NULL, &plan, &why), -1);
	assert_int_equal(why.code, FAULT_DRIFT);
	assert_non_null(strstr(why.text, "seal7, before seal1"));
	applied(stock);
	runs(stock, "seal7", "2.0.0");
	rolled_back(stock);
	runs(stock, "seal0", "1.0.0 held");
	runs(stock, "seal7", "1.0.0 held");
}

static void one_that_is_away_during_a_rollback_comes_back_to_it(void **state)
{
	struct stock *stock = the_stock(state);

	stock_interfaces(stock, "\"seal0\":{" NEWEST "},\"vpn0\":{" NEWEST "}");
	add_iface("vpn0", "peer1");
	applied(stock);
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "vpn0", "2.0.0");
	ground_sh("ip link del vpn0");
	applied(stock);
	rolled_back(stock);
	runs(stock, "seal0", "1.0.0 held");
	applied(stock);
	add_iface("vpn0", "peer1");
	applied(stock);
	runs(stock, "vpn0", "1.0.0 held");
}

static void a_denial_that_is_known_under_a_pattern_does_not_refuse_who_comes_later(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_add(stock, "allow.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_interfaces(stock, "\"seal*\":{\"on_denied\":\"drop\",\"xdp\":["
				"{\"use\":\"net/allow\",\"version\":\"1.0.0\"},"
				"{\"use\":\"net/count\",\"version\":\"1.0.0\"}]}");
	applied(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	stock_deny(stock, &plan->chains[0].members[0].bundle);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	add_iface("seal1", "peer1");
	plan_drop(&plan);
	// What the others have in its place it has, too: not a refusal of everything.
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->chains[1].count, 2);
	assert_int_equal(json_count(plan->chains[1].denied), 1);
	must(stock_run(stock, plan, &why), &why);
	runs(stock, "seal1", "1.0.0");
	plan_drop(&plan);
	// Under a name of its own it is as if it were asked for today.
	stock_interfaces(stock, "\"seal1\":{},\"seal2\":{\"xdp\":["
				"{\"use\":\"net/allow\",\"version\":\"1.0.0\"}]}");
	add_iface("seal2", "peer2");
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(one_that_comes_or_goes_is_no_change_to_go_back_behind),
		IN_WORLD(one_that_comes_while_its_pattern_is_held_is_held_too),
		IN_WORLD(what_is_gone_is_forgotten_also_where_it_was_held),
		IN_WORLD(after_a_reboot_nobody_waits_for_what_was_held_and_is_gone),
		IN_WORLD(a_rollback_finds_a_chain_under_its_interfaces_new_name),
		IN_WORLD(one_that_is_away_during_a_rollback_comes_back_to_it),
		IN_WORLD(a_denial_that_is_known_under_a_pattern_does_not_refuse_who_comes_later),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
