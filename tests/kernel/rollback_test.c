// SPDX-License-Identifier: Apache-2.0
// Back to what ran before the last change, and staying there: what a rollback brings back, what it must not, what holds it
// against the next apply, and what ends that.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/signing.h"
#include "loader/bpffs.h"
#include "loader/finding.h"
#include "loader/hold.h"
#include "loader/mend.h"
#include "loader/record.h"
#include "loader/scan.h"
#include "tests/kernel/world.h"

#define STALE (STOCK_NOW + 2 * STOCK_LIFE)

static const char any[] = "[{\"use\":\"net/count\",\"version\":\"*\"}]";
static const char first[] = "[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]";
static const char second[] = "[{\"use\":\"net/count\",\"version\":\"2.0.0\"}]";

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "allow.json", NULL};

	if (ready)
		stock_configure(&world_up(state, manifests)->stock, any);
	return 0;
}

static void rolled_back(struct stock *stock, const char *iface)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	must(stock_rollback(stock, STOCK_NOW, iface, &plan, &why), &why);
	must(stock_run(stock, plan, &why), &why);
}

static void not_rolled_back(struct stock *stock, const char *iface, enum fault_code code)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_rollback(stock, STOCK_NOW, iface, &plan, &why), -1);
	if (why.code != code)
		fail_msg("refused as %s, not %s: %s: %s", fault_name(why.code), fault_name(code),
			 why.text, why.cause);
}

static struct json *record_now(const struct stock *stock)
{
	struct json *record = NULL;
	struct fault why = {0};

	must(record_load(stock->loader_dirfd, stock->ground->tree, &record, &why), &why);
	return record;
}

// What runs on a hook, as the record names it and the kernel has it: "count 1.0.0 allow 1.0.0".
static void runs_on(const struct stock *stock, enum hook hook, const char *expected)
{
	OWNED(json_drop) struct json *record = record_now(stock);
	const struct json *chain = record_chain(record, GROUND_IFACE, hook_name(hook));
	const struct json *members = json_member(chain, "members");
	struct truth truth;
	struct fault why = {0};
	char text[512] = "";

	must(truth_read(stock->ground->tree, GROUND_IFACE, hook, &truth, &why), &why);
	if (truth.linked && truth.entered && truth.link.program_id == truth.root_id)
		assert_int_equal(truth.generation, json_int(json_member(chain, "generation")));
	for (size_t i = 0; truth.linked && truth.entered && i < json_count(members); i++)
		sprintf(text + strlen(text), "%s%s %s", i ? " " : "",
			json_text(json_member(json_item(members, i), "name")) + 4,
			json_text(json_member(json_item(members, i), "version")));
	assert_string_equal(text, expected);
}

static void runs(const struct stock *stock, const char *expected)
{
	runs_on(stock, HOOK_XDP, expected);
}

static bool is_held(const struct stock *stock)
{
	OWNED(json_drop) struct json *record = record_now(stock);

	return hold_of(record_chain(record, GROUND_IFACE, "xdp"));
}

static uint32_t generation(const struct stock *stock)
{
	struct truth truth;
	struct fault why = {0};

	must(truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why), &why);
	return truth.generation;
}

// 1.0.0 ran, then the repository released 2.0.0 and the timer applied it.
static void upgraded(struct stock *stock)
{
	applied(stock);
	runs(stock, "count 1.0.0");
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 2.0.0");
}

static void rebooted(const struct stock *stock)
{
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	must(bpffs_place(stock->ground->tree, GROUND_IFACE, HOOK_XDP, place, &why), &why);
	must(chain_remove(place, &why), &why);
}

// ---- back, and there to stay ----

static void a_bad_upgrade_is_taken_back_and_the_next_apply_leaves_it_so(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t before;

	upgraded(stock);
	rolled_back(stock, NULL);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
	before = generation(stock);
	for (int i = 0; i < 3; i++)
		applied(stock);
	runs(stock, "count 1.0.0");
	assert_int_equal(generation(stock), before);
	assert_true(is_held(stock));
}

static void the_counters_go_on_through_a_rollback(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	must(stock_rollback(stock, STOCK_NOW, GROUND_IFACE, &plan, &why), &why);
	assert_int_equal(plan->count, 1);
	assert_int_equal(plan->chains[0].action, PLAN_CHANGE);
	assert_string_equal(plan->chains[0].maps[0].maps[0].name, "counts");
	assert_int_equal(plan->chains[0].maps[0].maps[0].fate, MAP_KEPT);
}

static void a_second_rollback_goes_forward_again_and_nothing_is_held(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock, NULL);
	rolled_back(stock, NULL);
	runs(stock, "count 2.0.0");
	assert_false(is_held(stock));
	applied(stock);
	runs(stock, "count 2.0.0");
	rolled_back(stock, NULL);
	runs(stock, "count 1.0.0");
}

static void a_bad_edit_of_node_json_is_taken_back_while_it_stands(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\"},"
			       "{\"use\":\"net/count\",\"version\":\"*\"}]");
	applied(stock);
	runs(stock, "allow 1.0.0 count 1.0.0");
	rolled_back(stock, NULL);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
	// Put right, node.json is what runs.
	stock_configure(stock, any);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_false(is_held(stock));
}

static void a_bad_value_is_taken_back(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\",\"maps\":"
			       "{\"allow_v4\":[{\"key\":\"192.0.2.1\",\"value\":1}]}}]");
	applied(stock);
	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\",\"maps\":"
			       "{\"allow_v4\":[]}}]");
	applied(stock);
	rolled_back(stock, NULL);
	applied(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->chains[0].action, PLAN_KEEP);
	assert_int_equal(json_count(json_member(plan->chains[0].members[0].maps, "allow_v4")), 1);
}

static void a_chain_that_node_json_has_lost_comes_back_and_stays(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	stock_interfaces(stock, "");
	applied(stock);
	runs(stock, "");
	rolled_back(stock, GROUND_IFACE);
	runs(stock, "count 1.0.0");
	applied(stock);
	runs(stock, "count 1.0.0");
	rebooted(stock);
	applied(stock);
	runs(stock, "count 1.0.0");
}

static void one_change_of_several_hooks_is_taken_back_as_one(void **state)
{
	struct stock *stock = the_stock(state);

	stock_add(stock, "../tests/kernel/hooks.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	stock_interfaces(stock, "\"" GROUND_IFACE "\":{\"xdp\":[{\"use\":\"net/allow\",\"version\":"
				"\"1.0.0\"}],\"tc_ingress\":[{\"use\":\"net/hooks\",\"version\":"
				"\"1.0.0\",\"program\":\"flow1\"}]}");
	applied(stock);
	runs(stock, "allow 1.0.0");
	runs_on(stock, HOOK_TC_INGRESS, "hooks 1.0.0");
	rolled_back(stock, NULL);
	runs(stock, "count 1.0.0");
	runs_on(stock, HOOK_TC_INGRESS, ""); // there was none
	applied(stock);
	runs(stock, "count 1.0.0");
	runs_on(stock, HOOK_TC_INGRESS, "");
	rolled_back(stock, NULL);
	runs(stock, "allow 1.0.0");
	runs_on(stock, HOOK_TC_INGRESS, "hooks 1.0.0");
}

static void without_an_earlier_plan_nothing_is_done(void **state)
{
	struct stock *stock = the_stock(state);

	not_rolled_back(stock, NULL, FAULT_OTHER);
	applied(stock);
	not_rolled_back(stock, NULL, FAULT_OTHER);
	not_rolled_back(stock, "seal1", FAULT_OTHER);
	runs(stock, "count 1.0.0");
}

// ---- what ends it ----

static void a_newer_version_ends_the_hold(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock, NULL);
	stock_add(stock, "../tests/e2e/count-2.1.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 2.1.0");
	assert_false(is_held(stock));
}

static void another_line_in_node_json_ends_the_hold(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock, NULL);
	stock_configure(stock, second);
	applied(stock);
	runs(stock, "count 2.0.0");
	assert_false(is_held(stock));
}

static void an_edit_elsewhere_in_node_json_does_not(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock, NULL);
	stock_interfaces(stock, "\"" GROUND_IFACE "\":{\"on_denied\":\"drop\",\"xdp\":[{\"use\":"
				"\"net/count\",\"version\":\"*\"}]},\"seal9\":{\"xdp\":[]}");
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

static void the_admins_word_ends_the_hold(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	upgraded(stock);
	rolled_back(stock, NULL);
	must(stock_resume(stock, STOCK_NOW, &why), &why);
	runs(stock, "count 2.0.0");
	assert_false(is_held(stock));
	applied(stock);
	runs(stock, "count 2.0.0");
}

static void when_what_it_was_rolled_back_from_is_withdrawn_the_hold_ends_by_itself(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t before;

	upgraded(stock);
	rolled_back(stock, NULL);
	before = generation(stock);
	stock_withdraw(stock, "2.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_false(is_held(stock));
	assert_int_equal(generation(stock), before);
}

// node.json asks for exactly the version that is gone: held all the same, and no failure every minute.
static void what_can_be_admitted_no_more_does_not_disturb_the_hold(void **state)
{
	struct stock *stock = the_stock(state);

	stock_configure(stock, first);
	applied(stock);
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_configure(stock, second);
	applied(stock);
	rolled_back(stock, NULL);
	stock_withdraw(stock, "2.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

// ---- what does not come back ----

static void what_was_withdrawn_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	stock_withdraw(stock, "1.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	not_rolled_back(stock, NULL, FAULT_UNTRUSTED);
	runs(stock, "count 2.0.0");
	// It has been seen: also when the store is gone.
	ground_sh("rm -r %s/var/lib/bpfseal/store/*", stock->ground->root);
	not_rolled_back(stock, NULL, FAULT_UNTRUSTED);
}

static void what_is_signed_no_more_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	upgraded(stock);
	must(signing_drop_target(stock->targets, "net/count/1.0.0.bundle", &why), &why);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	not_rolled_back(stock, NULL, FAULT_UNTRUSTED);
	runs(stock, "count 2.0.0");
}

static void without_its_pin_nothing_comes_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	ground_sh("rm -r %s/etc/bpfseal/trust/" STOCK_REPO, stock->ground->root);
	not_rolled_back(stock, NULL, FAULT_UNTRUSTED);
	runs(stock, "count 2.0.0");
}

static void what_todays_policy_forbids_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	stock->node->policy.insns_max = 3;
	not_rolled_back(stock, NULL, FAULT_POLICY);
	runs(stock, "count 2.0.0");
}

static void what_needs_more_memory_than_the_node_has_by_now_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	stock->node->policy.map_bytes_total = 64;
	not_rolled_back(stock, NULL, FAULT_POLICY);
	runs(stock, "count 2.0.0");
}

// A rollback of one interface, while another's chain runs on.
static void what_runs_elsewhere_takes_its_part_of_the_memory(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *record = NULL;
	const struct json *members;

	stock_interfaces(stock, "\"" GROUND_IFACE "\":{\"xdp\":[{\"use\":\"net/count\","
				"\"version\":\"*\"}]},\"peer0\":{\"xdp\":[{\"use\":\"net/count\","
				"\"version\":\"1.0.0\"}]}");
	upgraded(stock);
	record = record_now(stock);
	members = json_member(record_chain(record, "peer0", "xdp"), "members");
	stock->node->policy.map_bytes_total =
		2 * (uint64_t)json_int(json_member(json_item(members, 0), "map_bytes")) - 1;
	not_rolled_back(stock, NULL, FAULT_POLICY);
	runs(stock, "count 2.0.0");
	stock->node->policy.map_bytes_total++;
	rolled_back(stock, NULL);
	runs(stock, "count 1.0.0");
}

// net/allow ran, net/count runs, and by now net/allow may stand on another interface only.
static struct json *moved_out(struct stock *stock)
{
	static const char rule[] = "{\"" GROUND_IFACE "\":[\"net/count\"],\"other0\":[\"net/*\"]}";
	struct json *places = NULL;
	struct fault why = {0};

	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\"}]");
	applied(stock);
	stock_configure(stock, any);
	applied(stock);
	runs(stock, "count 1.0.0");
	must(json_parse(rule, sizeof(rule) - 1, "rule", &places, &why), &why);
	return places;
}

static void what_may_stand_there_no_more_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *places = moved_out(stock);

	stock->node->policy.interfaces = places;
	not_rolled_back(stock, NULL, FAULT_POLICY);
	runs(stock, "count 1.0.0");
}

static void what_is_held_and_may_stand_there_no_more_is_held_no_more(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *places = moved_out(stock);

	rolled_back(stock, NULL);
	applied(stock);
	runs(stock, "allow 1.0.0");
	stock->node->policy.interfaces = places;
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_false(is_held(stock));
}

static void what_is_held_and_may_stand_there_no_more_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *places = moved_out(stock);

	rolled_back(stock, NULL);
	rebooted(stock);
	stock->node->policy.interfaces = places;
	applied(stock);
	runs(stock, "count 1.0.0");
}

static void a_damaged_copy_does_not_come_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	ground_sh("for f in $(grep -L bpfseal.index %s/var/lib/bpfseal-loader/objects/*); do "
		  "chmod 600 $f; printf x | dd of=$f bs=1 seek=300 conv=notrunc 2>/dev/null; done",
		  stock->ground->root);
	not_rolled_back(stock, NULL, FAULT_DIGEST);
	runs(stock, "count 2.0.0");
}

// allow and count 1.0.0 ran, then allow and count 2.0.0; count 1.0.0 is denied by now.
static void denied_before(struct stock *stock, const char *on_denied)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	char interfaces[512];
	struct fault why = {0};

	snprintf(interfaces, sizeof(interfaces),
		 "\"" GROUND_IFACE "\":{\"on_denied\":\"%s\",\"xdp\":[{\"use\":\"net/allow\","
		 "\"version\":\"1.0.0\"},{\"use\":\"net/count\",\"version\":\"*\"}]}",
		 on_denied);
	stock_interfaces(stock, interfaces);
	applied(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "allow 1.0.0 count 2.0.0");
	stock_deny(stock, &plan->chains[0].members[1].object);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
}

static void what_was_denied_is_left_out(void **state)
{
	struct stock *stock = the_stock(state);

	denied_before(stock, "remove");
	rolled_back(stock, NULL);
	runs(stock, "allow 1.0.0");
	applied(stock);
	runs(stock, "allow 1.0.0");
	assert_true(is_held(stock));
}

static void in_the_place_of_what_was_denied_a_drop_stands_where_the_admin_wants_one(void **state)
{
	struct stock *stock = the_stock(state);

	denied_before(stock, "drop");
	rolled_back(stock, NULL);
	runs(stock, "allow 1.0.0 eal/drop 1.0.0"); // "bpfseal/drop", its first four letters cut
}

static void what_was_denied_is_not_kept_by_going_back_to_it(void **state)
{
	struct stock *stock = the_stock(state);

	denied_before(stock, "keep-and-alarm");
	rolled_back(stock, NULL);
	runs(stock, "allow 1.0.0");
}

// And does not end the hold: what it was rolled back from would come with it.
static void a_denial_takes_its_program_out_of_what_is_held(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\"},"
			       "{\"use\":\"net/count\",\"version\":\"*\"}]");
	applied(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	rolled_back(stock, NULL);
	runs(stock, "allow 1.0.0 count 1.0.0");
	stock_deny(stock, &plan->chains[0].members[0].object);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
	applied(stock);
	runs(stock, "count 1.0.0");
}

// ---- outages ----

static void in_an_outage_the_last_verified_metadata_decides(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	must(stock_rollback(stock, STALE, NULL, &plan, &why), &why);
	assert_int_equal(plan->chains[0].refused.code, FAULT_EXPIRED);
	must(stock_run(stock, plan, &why), &why);
	runs(stock, "count 1.0.0");
	assert_int_equal(stock_apply(stock, STALE, &why), -1);
	assert_int_equal(why.code, FAULT_EXPIRED);
	// The outage ends: still held, by its lines.
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

static void after_a_reboot_what_is_held_comes_back(void **state)
{
	struct stock *stock = the_stock(state);

	upgraded(stock);
	rolled_back(stock, NULL);
	rebooted(stock);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
	applied(stock);
	runs(stock, "count 1.0.0");
}

static void after_a_reboot_in_an_outage_too(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	rolled_back(stock, NULL);
	rebooted(stock);
	ground_sh("rm -r %s/var/lib/bpfseal/store/*", stock->ground->root);
	assert_int_equal(stock_restore(stock, STALE, &plan), FAULT_NOT_FOUND);
	assert_int_equal(plan->chains[0].action, PLAN_REPAIR);
	must(stock_run(stock, plan, &why), &why);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

static void what_is_held_is_repaired_as_what_is_held(void **state)
{
	struct stock *stock = the_stock(state);
	char path[BPFFS_PATH_MAX];

	upgraded(stock);
	rolled_back(stock, NULL);
	snprintf(path, sizeof(path), "%s/" GROUND_IFACE "/xdp/link", stock->ground->tree);
	assert_int_equal(unlink(path), 0);
	applied(stock);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

static int64_t no_ticks(void)
{
	return 0;
}

// What watch does with a chain that it finds broken beyond putting back.
static void what_is_held_is_mended_as_what_is_held(void **state)
{
	struct stock *stock = the_stock(state);
	const struct mend_places places = {.root = stock->ground->root,
					   .node = stock->node,
					   .tree = stock->ground->tree,
					   .store_dirfd = stock->store_dirfd,
					   .loader_dirfd = stock->loader_dirfd,
					   .trust_dirfd = stock->trust_dirfd,
					   .objects_dirfd = stock->objects_dirfd,
					   .logs_dirfd = stock->ground->logs_dirfd,
					   .logs_path = stock->ground->logs,
					   .now = STOCK_NOW,
					   .ticks_us = no_ticks};
	struct fault why = {0};
	char how[ATTACH_HOW];

	upgraded(stock);
	rolled_back(stock, NULL);
	rebooted(stock);
	must(mend_restore(&places, GROUND_IFACE, HOOK_XDP, how, &why), &why);
	runs(stock, "count 1.0.0");
	assert_true(is_held(stock));
}

static void what_is_held_and_withdrawn_runs_on_and_gives_way_after_a_reboot(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	upgraded(stock);
	rolled_back(stock, NULL);
	stock_withdraw(stock, "1.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	runs(stock, "count 1.0.0");
	rebooted(stock);
	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->chains[0].lost.code, FAULT_UNTRUSTED);
	must(stock_run(stock, plan, &why), &why);
	runs(stock, "count 2.0.0");
	assert_false(is_held(stock));
}

// ---- what is told ----

static void status_tells_of_the_hold_and_not_of_drift(void **state)
{
	struct stock *stock = the_stock(state);
	struct plan_places places;
	OWNED(findings_drop) struct findings list = {0};
	OWNED(plan_drop) struct plan *plan = NULL;
	const struct plan_chain *chain;
	struct fault why = {0};

	stock_configure(stock, first);
	applied(stock);
	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\"}]");
	applied(stock);
	rolled_back(stock, NULL);
	places = stock_plan_places(stock);
	must(scan_all(&places, &plan, &why), &why);
	chain = &plan->chains[0];
	must(findings_drift(&list, chain->iface, chain->hook, chain->interface, &chain->truth,
			    chain->record, &why),
	     &why);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.list[0].code, "rolled_back");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_bad_upgrade_is_taken_back_and_the_next_apply_leaves_it_so),
		IN_WORLD(the_counters_go_on_through_a_rollback),
		IN_WORLD(a_second_rollback_goes_forward_again_and_nothing_is_held),
		IN_WORLD(a_bad_edit_of_node_json_is_taken_back_while_it_stands),
		IN_WORLD(a_bad_value_is_taken_back),
		IN_WORLD(a_chain_that_node_json_has_lost_comes_back_and_stays),
		IN_WORLD(one_change_of_several_hooks_is_taken_back_as_one),
		IN_WORLD(without_an_earlier_plan_nothing_is_done),
		IN_WORLD(a_newer_version_ends_the_hold),
		IN_WORLD(another_line_in_node_json_ends_the_hold),
		IN_WORLD(an_edit_elsewhere_in_node_json_does_not),
		IN_WORLD(the_admins_word_ends_the_hold),
		IN_WORLD(when_what_it_was_rolled_back_from_is_withdrawn_the_hold_ends_by_itself),
		IN_WORLD(what_can_be_admitted_no_more_does_not_disturb_the_hold),
		IN_WORLD(what_was_withdrawn_does_not_come_back),
		IN_WORLD(what_is_signed_no_more_does_not_come_back),
		IN_WORLD(without_its_pin_nothing_comes_back),
		IN_WORLD(what_todays_policy_forbids_does_not_come_back),
		IN_WORLD(what_needs_more_memory_than_the_node_has_by_now_does_not_come_back),
		IN_WORLD(what_runs_elsewhere_takes_its_part_of_the_memory),
		IN_WORLD(what_may_stand_there_no_more_does_not_come_back),
		IN_WORLD(what_is_held_and_may_stand_there_no_more_is_held_no_more),
		IN_WORLD(what_is_held_and_may_stand_there_no_more_is_not_restored),
		IN_WORLD(a_damaged_copy_does_not_come_back),
		IN_WORLD(what_was_denied_is_left_out),
		IN_WORLD(in_the_place_of_what_was_denied_a_drop_stands_where_the_admin_wants_one),
		IN_WORLD(what_was_denied_is_not_kept_by_going_back_to_it),
		IN_WORLD(a_denial_takes_its_program_out_of_what_is_held),
		IN_WORLD(in_an_outage_the_last_verified_metadata_decides),
		IN_WORLD(after_a_reboot_what_is_held_comes_back),
		IN_WORLD(after_a_reboot_in_an_outage_too),
		IN_WORLD(what_is_held_is_repaired_as_what_is_held),
		IN_WORLD(what_is_held_is_mended_as_what_is_held),
		IN_WORLD(what_is_held_and_withdrawn_runs_on_and_gives_way_after_a_reboot),
		IN_WORLD(status_tells_of_the_hold_and_not_of_drift),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
