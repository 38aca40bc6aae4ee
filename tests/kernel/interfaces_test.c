// SPDX-License-Identifier: Apache-2.0
// Interfaces that are not there, come, go, get other names or other places: what plan says and apply does, and that
// none of it is anybody else's trouble.
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/if_link.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/decide.h"
#include "loader/finding.h"
#include "loader/keeper.h"
#include "loader/record.h"
#include "loader/scan.h"
#include "loader/unload.h"
#include "tests/kernel/world.h"

#define COUNT "\"xdp\":[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]"

#define FLOW                                                             \
	"\"tc_ingress\":[{\"use\":\"net/flow\",\"version\":\"1.0.0\"}]," \
	"\"tc_egress\":[{\"use\":\"net/flow\",\"version\":\"1.0.0\"}]"

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

// Older kernels want it down for that.
static void rename_iface(const char *from, const char *to)
{
	ground_sh("ip link set %s down && ip link set %s name %s && ip link set %s up", from, from,
		  to, to);
}

static void run(struct stock *stock, struct plan *plan)
{
	struct fault why = {0};

	if (stock_run(stock, plan, &why)) {
		fault_print(&why, stderr);
		fail_msg("apply was refused");
	}
}

static void all_applied(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = planned(stock);

	run(stock, plan);
}

// The plan in one line: "seal0 load, seal1 wait".
static const char *line_of(const struct plan *plan)
{
	static char line[256];
	size_t used = 0;

	line[0] = '\0';
	for (size_t i = 0; i < plan->count; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s %s", i ? ", " : "",
					 plan->chains[i].iface,
					 plan_action_name(plan->chains[i].action));
	return line;
}

static void plans(struct stock *stock, const char *line)
{
	OWNED(plan_drop) struct plan *plan = planned(stock);

	assert_string_equal(line_of(plan), line);
}

static struct truth truth_on(const struct stock *stock, const char *iface)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(stock->ground->tree, iface, HOOK_XDP, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

static bool runs(const struct stock *stock, const char *iface)
{
	struct truth truth = truth_on(stock, iface);

	return truth.attached && truth.entered && truth.link.program_id == truth.root_id;
}

static bool is_pinned(const struct stock *stock, const char *iface)
{
	char path[BPFFS_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", stock->ground->tree, iface);
	return access(path, F_OK) == 0;
}

static bool is_recorded(const struct stock *stock, const char *iface)
{
	OWNED(json_drop) struct json *record = NULL;
	struct fault why = {0};

	if (record_read(stock->loader_dirfd, RECORD_ACTIVE, &record, &why))
		fail_msg("%s", why.text);
	return json_count(json_member(record_chain(record, iface, "xdp"), "members")) != 0;
}

// ---- patterns ----

static void a_pattern_takes_every_interface_that_is_there(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	add_iface("seal2", "peer2");
	add_iface("seal1", "peer1");
	add_iface("wan0", "peer3");
	stock_interfaces(stock,
			 "\"seal*\":{" COUNT "},\"seal1\":{},\"se*\":{\"on_denied\":\"drop\"," COUNT
			 "},\"wg*\":{" COUNT "}");
	plan = planned(stock);
	// A name beats every pattern, also with nothing under it; the longest pattern beats the shorter one; one without any
	// interface is no matter.
	assert_string_equal(line_of(plan), "seal0 load, seal2 load");
	assert_string_equal(plan->chains[0].interface->name, "seal*");
	run(stock, plan);
	assert_true(runs(stock, "seal0") && runs(stock, "seal2"));
	assert_false(is_pinned(stock, "seal1"));
	plans(stock, "seal0 keep, seal2 keep");
	// One that comes later.
	add_iface("seal10", "peer4");
	plans(stock, "seal0 keep, seal10 load, seal2 keep");
	all_applied(stock);
	assert_true(runs(stock, "seal10"));
	// And one that the file no longer means.
	stock_interfaces(stock, "\"seal?\":{" COUNT "}");
	plans(stock, "seal0 keep, seal1 load, seal2 keep, seal10 remove");
	all_applied(stock);
	assert_int_equal(truth_on(stock, "seal10").iface_program, 0);
	assert_false(is_pinned(stock, "seal10"));
}

static void what_is_gone_of_a_pattern_leaves_nothing_behind(void **state)
{
	struct stock *stock = the_stock(state);

	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" COUNT "}");
	all_applied(stock);
	ground_sh("ip link del seal1");
	assert_true(is_pinned(stock, "seal1"));
	plans(stock, "seal0 keep, seal1 remove");
	all_applied(stock);
	assert_false(is_pinned(stock, "seal1"));
	assert_false(is_recorded(stock, "seal1"));
	assert_true(runs(stock, "seal0"));
	plans(stock, "seal0 keep");
}

// ---- names that are not there ----

static void a_name_that_is_not_there_waits_and_blocks_nobody(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	stock_interfaces(stock, "\"vpn0\":{" COUNT "},\"seal0\":{" COUNT "}");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "vpn0 wait, seal0 load");
	assert_true(plan_is_pending(plan));
	assert_int_equal(plan_waiting(plan), 1);
	assert_string_equal(plan->chains[0].damage.list[0].code, "interface_missing");
	assert_int_equal(findings_count(&plan->chains[0].damage, FINDING_BEYOND), 1);
	run(stock, plan);
	assert_true(runs(stock, "seal0"));
	plan_drop(&plan);
	plan = planned(stock);
	assert_string_equal(line_of(plan), "vpn0 wait, seal0 keep");
	assert_false(plan_is_pending(plan));
	ground_sh("ip link add vpn0 type veth peer name peer1");
	all_applied(stock);
	assert_true(runs(stock, "vpn0"));
	plans(stock, "vpn0 keep, seal0 keep");
	ground_sh("ip link del vpn0");
}

static void a_named_interface_that_goes_takes_its_pins_and_comes_back_new(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	stock_interfaces(stock, "\"seal0\":{" COUNT "}");
	all_applied(stock);
	ground_sh("ip link del seal0");
	plans(stock, "seal0 wait");
	all_applied(stock);
	assert_false(is_pinned(stock, "seal0"));
	// The record stays: what came back from our copies in an outage can still come back.
	assert_true(is_recorded(stock, "seal0"));
	add_iface("seal0", "peer0");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal0 load");
	run(stock, plan);
	assert_true(runs(stock, "seal0"));
}

static void one_made_anew_between_two_runs_is_loaded_with_maps_of_its_own(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	uint32_t old;

	stock_interfaces(stock, "\"seal0\":{" COUNT "}");
	all_applied(stock);
	old = truth_on(stock, "seal0").noted_index;
	ground_sh("ip link del seal0");
	add_iface("seal0", "peer0");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal0 load");
	for (size_t i = 0; i < plan->chains[0].maps[0].count; i++)
		assert_int_not_equal(plan->chains[0].maps[0].maps[i].fate, MAP_KEPT);
	run(stock, plan);
	assert_true(runs(stock, "seal0"));
	assert_int_not_equal(truth_on(stock, "seal0").noted_index, old);
	plans(stock, "seal0 keep");
}

static void one_that_goes_between_plan_and_apply_is_nobody_elses_trouble(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	add_iface("seal1", "peer1");
	add_iface("seal2", "peer2");
	stock_interfaces(stock, "\"seal1\":{" COUNT "},\"seal*\":{" COUNT "}");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal1 load, seal0 load, seal2 load");
	ground_sh("ip link del seal1");
	run(stock, plan);
	assert_true(runs(stock, "seal0") && runs(stock, "seal2"));
	assert_false(is_recorded(stock, "seal1"));
	plans(stock, "seal1 wait, seal0 keep, seal2 keep");
	all_applied(stock);
	assert_false(is_pinned(stock, "seal1"));
}

// ---- other names ----

static void a_renamed_interface_takes_its_chain_along(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before, after;

	stock_interfaces(stock, "\"seal0\":{" COUNT "},\"wan*\":{" COUNT "}");
	all_applied(stock);
	before = truth_on(stock, "seal0");
	rename_iface("seal0", "wan7");
	plans(stock, "seal0 wait, wan7 move");
	// Nothing is loaded, switched or detached: the pins and the record are renamed.
	all_applied(stock);
	after = truth_on(stock, "wan7");
	assert_true(runs(stock, "wan7"));
	assert_int_equal(after.link.id, before.link.id);
	assert_int_equal(after.root_id, before.root_id);
	assert_int_equal(after.members[0].program.id, before.members[0].program.id);
	assert_false(is_pinned(stock, "seal0"));
	assert_true(is_recorded(stock, "wan7"));
	assert_false(is_recorded(stock, "seal0"));
	plans(stock, "seal0 wait, wan7 keep");
}

// As a watch does that sees its pins go: whatever it puts back must not take the chain off its interface in the end.
static void a_watch_that_holds_a_renamed_chain_does_it_no_harm(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(keeper_drop) struct keeper *keeper = NULL;
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};
	size_t room = 100;
	struct truth before, after;

	stock_interfaces(stock, "\"seal*\":{" COUNT "},\"wan*\":{" COUNT "}");
	all_applied(stock);
	before = truth_on(stock, "seal0");
	assert_int_equal(bpffs_place(stock->ground->tree, "seal0", HOOK_XDP, place, &why), 0);
	assert_int_equal(
		keeper_open(place, before.root_number, before.generation, &room, &keeper, &why), 0);
	rename_iface("seal0", "wan7");
	all_applied(stock);
	assert_int_equal(keeper_rescue_link(keeper, &why), 0);
	assert_false(is_pinned(stock, "seal0"));
	all_applied(stock);
	after = truth_on(stock, "wan7");
	assert_true(runs(stock, "wan7"));
	assert_int_equal(after.link.id, before.link.id);
}

static void a_renamed_interface_whose_chain_differs_changes_with_its_maps_kept(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_interfaces(stock, "\"seal0\":{" COUNT
				"},\"wan7\":{\"xdp\":[{\"use\":\"net/count\",\"version\":\"*\"}]}");
	all_applied(stock);
	rename_iface("seal0", "wan7");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal0 wait, wan7 change");
	assert_string_equal(plan->chains[1].maps[0].maps[0].name, "counts");
	assert_int_equal(plan->chains[1].maps[0].maps[0].fate, MAP_KEPT);
	run(stock, plan);
	assert_true(runs(stock, "wan7"));
	assert_int_equal(truth_on(stock, "wan7").generation, 2);
	assert_false(is_pinned(stock, "seal0") || is_recorded(stock, "seal0"));
	plans(stock, "seal0 wait, wan7 keep");
}

static void a_name_that_nobody_asks_for_keeps_the_chain_until_it_is_unloaded(void **state)
{
	struct stock *stock = the_stock(state);
	struct node nothing = {0};
	const struct plan_places places = {
		.node = &nothing, .tree = stock->ground->tree, .loader_dirfd = stock->loader_dirfd};
	const struct unload_places unload = {
		.tree = stock->ground->tree, .loader_dirfd = stock->loader_dirfd, .now = STOCK_NOW};
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	size_t removed;

	stock_interfaces(stock, "\"seal0\":{" COUNT "}");
	all_applied(stock);
	rename_iface("seal0", "wan7");
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal0 wait");
	assert_true(plan->chains[0].truth.elsewhere);
	assert_non_null(strstr(plan->chains[0].damage.list[0].text, "wan7"));
	run(stock, plan);
	assert_int_not_equal(truth_on(stock, "wan7").iface_program, 0);
	plan_drop(&plan);
	assert_int_equal(scan_all(&places, &plan, &why), 0);
	// By either name.
	assert_int_equal(unload_chains(&unload, plan, "wan7", &removed, &why), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(truth_on(stock, "wan7").iface_program, 0);
	assert_false(is_pinned(stock, "seal0"));
}

static void two_that_swap_their_names_swap_their_chains(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t first, second;

	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" COUNT "}");
	all_applied(stock);
	first = truth_on(stock, "seal0").link.id;
	second = truth_on(stock, "seal1").link.id;
	rename_iface("seal0", "wan0");
	rename_iface("seal1", "seal0");
	rename_iface("wan0", "seal1");
	plans(stock, "seal0 move, seal1 move");
	all_applied(stock);
	assert_true(runs(stock, "seal0") && runs(stock, "seal1"));
	assert_int_equal(truth_on(stock, "seal0").link.id, second);
	assert_int_equal(truth_on(stock, "seal1").link.id, first);
	assert_true(is_recorded(stock, "seal0") && is_recorded(stock, "seal1"));
	plans(stock, "seal0 keep, seal1 keep");
}

static void a_name_taken_over_from_one_that_is_gone_makes_room(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t link;

	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" COUNT "}");
	all_applied(stock);
	link = truth_on(stock, "seal1").link.id;
	ground_sh("ip link del seal0");
	rename_iface("seal1", "seal0");
	plans(stock, "seal0 move");
	all_applied(stock);
	assert_true(runs(stock, "seal0"));
	assert_int_equal(truth_on(stock, "seal0").link.id, link);
	assert_false(is_pinned(stock, "seal1"));
	plans(stock, "seal0 keep");
}

static void a_crash_while_pins_move_is_finished_by_the_next_run(void **state)
{
	struct stock *stock = the_stock(state);
	char from[BPFFS_PATH_MAX], to[BPFFS_PATH_MAX];

	stock_interfaces(stock, "\"seal0\":{" COUNT "},\"wan*\":{" COUNT "}");
	all_applied(stock);
	rename_iface("seal0", "wan7");
	// What move_out leaves.
	snprintf(from, sizeof(from), "%s/seal0", stock->ground->tree);
	snprintf(to, sizeof(to), "%s/moving:wan7", stock->ground->tree);
	assert_int_equal(rename(from, to), 0);
	all_applied(stock);
	assert_true(runs(stock, "wan7"));
	assert_int_equal(access(to, F_OK), -1);
	all_applied(stock);
	plans(stock, "seal0 wait, wan7 keep");
}

static void a_renamed_interface_takes_its_tc_chains_along_whichever_way_they_stand(void **state)
{
	struct stock *stock = the_stock(state);
	static const char *const ways[] = {"auto", "clsact"};

	stock_add(stock, "../tests/e2e/flow-1.0.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	for (size_t i = 0; i < 2; i++) {
		char file[512], name[8], peer[8];
		struct truth before, after;
		struct fault why = {0};

		snprintf(name, sizeof(name), "a%zu", i);
		snprintf(peer, sizeof(peer), "p%zu", i);
		snprintf(file, sizeof(file),
			 "\"%s\":{\"tc_attach\":\"%s\",%s},\"b%zu\":{\"tc_attach\":\"%s\",%s}",
			 name, ways[i], FLOW, i, ways[i], FLOW);
		add_iface(name, peer);
		stock_interfaces(stock, file);
		all_applied(stock);
		assert_int_equal(
			truth_read(stock->ground->tree, name, HOOK_TC_EGRESS, &before, &why), 0);
		assert_true(before.attached);
		snprintf(peer, sizeof(peer), "b%zu", i);
		rename_iface(name, peer);
		all_applied(stock);
		assert_int_equal(
			truth_read(stock->ground->tree, peer, HOOK_TC_EGRESS, &after, &why), 0);
		assert_true(after.attached && after.entered);
		assert_int_equal(after.by, before.by);
		assert_int_equal(after.link.program_id, before.link.program_id);
		assert_int_equal(after.root_id, before.root_id);
		assert_false(is_pinned(stock, name));
		all_applied(stock);
		// And they are found again to be taken away.
		stock_interfaces(stock, "");
		all_applied(stock);
		assert_false(is_pinned(stock, peer));
		assert_int_equal(
			truth_read(stock->ground->tree, peer, HOOK_TC_INGRESS, &after, &why), 0);
		assert_false(after.attached || after.linked);
	}
}

// ---- another place ----

static void one_in_another_namespace_keeps_its_chain_and_finds_it_when_it_returns(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	uint32_t link;

	stock_interfaces(stock, "\"seal0\":{" COUNT "}");
	all_applied(stock);
	link = truth_on(stock, "seal0").link.id;
	ground_sh("ip netns add bpfseal-hk-%d && ip link set seal0 netns bpfseal-hk-%d", getpid(),
		  getpid());
	plan = planned(stock);
	assert_string_equal(line_of(plan), "seal0 wait");
	assert_true(plan->chains[0].truth.elsewhere);
	assert_string_equal(plan->chains[0].truth.now, "");
	run(stock, plan);
	assert_true(is_pinned(stock, "seal0"));
	ground_sh("ip -n bpfseal-hk-%d link set seal0 netns %d", getpid(), getpid());
	ground_sh("ip netns del bpfseal-hk-%d", getpid());
	plans(stock, "seal0 keep");
	assert_true(runs(stock, "seal0"));
	assert_int_equal(truth_on(stock, "seal0").link.id, link);
}

// ---- an outage ----

static void in_an_outage_a_new_interface_of_a_pattern_gets_what_the_others_run(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	stock_interfaces(stock, "\"seal*\":{" COUNT "},\"wan0\":{" COUNT "}");
	all_applied(stock);
	add_iface("seal1", "peer1");
	add_iface("wan0", "peer2");
	ground_sh("rm -r %s/var/lib/bpfseal/store/repo", stock->ground->root);
	assert_int_not_equal(stock_restore(stock, STOCK_NOW, &plan), FAULT_NONE);
	// Under a name of its own nothing ran yet, and nothing new is admitted.
	assert_string_equal(line_of(plan), "seal0 keep, seal1 repair, wan0 keep");
	run(stock, plan);
	assert_true(runs(stock, "seal0") && runs(stock, "seal1"));
	assert_false(runs(stock, "wan0"));
	assert_true(is_recorded(stock, "seal1"));
	plan_drop(&plan);
	// A rename in an outage is no new program either.
	rename_iface("seal1", "seal5");
	assert_int_not_equal(stock_restore(stock, STOCK_NOW, &plan), FAULT_NONE);
	assert_string_equal(line_of(plan), "seal0 keep, seal5 move, wan0 keep");
	run(stock, plan);
	assert_true(runs(stock, "seal5"));
	assert_true(is_recorded(stock, "seal5") && !is_recorded(stock, "seal1"));
}

static void a_plan_of_one_hook_forgets_no_other(void **state)
{
	struct stock *stock = the_stock(state);
	struct plan_places places;
	struct admit_places admits;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" COUNT "}");
	places = stock_plan_places(stock);
	admits = stock_admit_places(stock, STOCK_NOW);
	all_applied(stock);
	ground_sh("ip link del seal1");
	add_iface("seal1", "peer1");
	assert_int_equal(scan_hook(&places, "seal1", HOOK_XDP, &plan, &why), 0);
	assert_int_equal(plan->count, 1);
	assert_int_equal(admit_new(&admits, &admit, &why), 0);
	assert_int_equal(decide_all(plan, &places, admit, &why), 0);
	assert_string_equal(line_of(plan), "seal1 load");
	run(stock, plan);
	assert_true(is_recorded(stock, "seal0") && is_recorded(stock, "seal1"));
	plans(stock, "seal0 keep, seal1 keep");
}

static void a_plan_of_one_hook_of_a_renamed_interface_takes_all_hooks_along(void **state)
{
	struct stock *stock = the_stock(state);
	struct plan_places places;
	struct admit_places admits;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(json_drop) struct json *record = NULL;
	struct fault why = {0};

	stock_add(stock, "../tests/e2e/flow-1.0.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	add_iface("seal1", "peer1");
	stock_interfaces(stock, "\"seal*\":{" COUNT "," FLOW "}");
	places = stock_plan_places(stock);
	admits = stock_admit_places(stock, STOCK_NOW);
	all_applied(stock);
	rename_iface("seal1", "seal9");
	if (scan_hook(&places, "seal9", HOOK_XDP, &plan, &why) ||
	    admit_new(&admits, &admit, &why) || decide_all(plan, &places, admit, &why))
		fail_msg("%s", why.text);
	assert_string_equal(line_of(plan), "seal9 move");
	run(stock, plan);
	assert_int_equal(record_read(stock->loader_dirfd, RECORD_ACTIVE, &record, &why), 0);
	assert_int_equal(json_count(json_member(record, "chains")), 6);
	assert_non_null(record_chain(record, "seal9", "tc_egress"));
	assert_null(record_chain(record, "seal1", "tc_egress"));
	plans(stock, "seal0 keep, seal0 keep, seal0 keep, seal9 keep, seal9 keep, seal9 keep");
}

// ---- how it is attached ----

static void another_way_in_the_file_is_a_change(void **state)
{
	struct stock *stock = the_stock(state);

	stock_interfaces(stock, "\"seal0\":{" COUNT "}");
	all_applied(stock);
	assert_int_equal(truth_on(stock, "seal0").xdp_mode, XDP_ATTACHED_DRV);
	stock_interfaces(stock, "\"seal0\":{\"xdp_mode\":\"native-or-generic\"," COUNT "}");
	plans(stock, "seal0 keep");
	stock_interfaces(stock, "\"seal0\":{\"xdp_mode\":\"generic\"," COUNT "}");
	plans(stock, "seal0 change");
	all_applied(stock);
	assert_int_equal(truth_on(stock, "seal0").xdp_mode, XDP_ATTACHED_SKB);
	plans(stock, "seal0 keep");
}

static void offload_is_refused_with_its_reason_before_anything_is_touched(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	add_iface("seal1", "peer1");
	stock_interfaces(stock,
			 "\"seal0\":{" COUNT "},\"seal1\":{\"xdp_mode\":\"offload\"," COUNT "}");
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.text,
			    "no card takes net/count: its map counts is of type percpu_array");
	assert_non_null(strstr(why.where, "node.json:1:"));
	assert_false(is_pinned(stock, "seal0") || is_pinned(stock, "seal1"));
	// What a card would take, and a driver that has none.
	stock_add(stock, "../tests/offload/told.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_interfaces(stock,
			 "\"seal0\":{" COUNT "},\"seal1\":{\"xdp_mode\":\"offload\",\"xdp\":["
			 "{\"use\":\"net/told\",\"version\":\"1.0.0\","
			 "\"program\":\"told1\"}]}");
	fault_clear(&why);
	plan_drop(&plan);
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "seal1 has no card that runs programs"));
	assert_non_null(strstr(why.where, "node.json:1:"));
	assert_non_null(strstr(why.fix, "\"xdp_mode\": \"native\""));
	assert_false(is_pinned(stock, "seal0") || is_pinned(stock, "seal1"));
	// Where no chain is asked for there is nothing to refuse.
	stock_interfaces(stock, "\"seal0\":{" COUNT "},\"seal1\":{\"xdp_mode\":\"offload\"}");
	all_applied(stock);
	assert_true(runs(stock, "seal0"));
	// TC is never on a card.
	stock_add(stock, "../tests/e2e/flow-1.0.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_interfaces(stock, "\"seal1\":{\"xdp_mode\":\"offload\"," FLOW "}");
	all_applied(stock);
	plans(stock, "seal1 keep, seal1 keep");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_pattern_takes_every_interface_that_is_there),
		IN_WORLD(what_is_gone_of_a_pattern_leaves_nothing_behind),
		IN_WORLD(a_name_that_is_not_there_waits_and_blocks_nobody),
		IN_WORLD(a_named_interface_that_goes_takes_its_pins_and_comes_back_new),
		IN_WORLD(one_made_anew_between_two_runs_is_loaded_with_maps_of_its_own),
		IN_WORLD(one_that_goes_between_plan_and_apply_is_nobody_elses_trouble),
		IN_WORLD(a_renamed_interface_takes_its_chain_along),
		IN_WORLD(a_watch_that_holds_a_renamed_chain_does_it_no_harm),
		IN_WORLD(a_renamed_interface_whose_chain_differs_changes_with_its_maps_kept),
		IN_WORLD(a_name_that_nobody_asks_for_keeps_the_chain_until_it_is_unloaded),
		IN_WORLD(two_that_swap_their_names_swap_their_chains),
		IN_WORLD(a_name_taken_over_from_one_that_is_gone_makes_room),
		IN_WORLD(a_crash_while_pins_move_is_finished_by_the_next_run),
		IN_WORLD(a_renamed_interface_takes_its_tc_chains_along_whichever_way_they_stand),
		IN_WORLD(one_in_another_namespace_keeps_its_chain_and_finds_it_when_it_returns),
		IN_WORLD(in_an_outage_a_new_interface_of_a_pattern_gets_what_the_others_run),
		IN_WORLD(a_plan_of_one_hook_forgets_no_other),
		IN_WORLD(a_plan_of_one_hook_of_a_renamed_interface_takes_all_hooks_along),
		IN_WORLD(another_way_in_the_file_is_a_change),
		IN_WORLD(offload_is_refused_with_its_reason_before_anything_is_touched),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
