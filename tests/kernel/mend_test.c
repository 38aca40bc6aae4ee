// SPDX-License-Identifier: Apache-2.0
// What a damaged chain is made of again, and what it is not.
#include "loader/mend.h"

#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/scan.h"
#include "tests/kernel/rival.h"
#include "tests/kernel/world.h"

static const char counted[] = "[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]";

static bool ready;
static struct anchor_tags tags; // as they are learned in one test

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "../tests/e2e/flow.json", NULL};
	struct fault why = {0};
	struct world *world;

	if (!ready)
		return 0;
	tags = (struct anchor_tags){0};
	world = world_up(state, manifests);
	stock_configure(&world->stock, counted);
	assert_int_equal(
		bpffs_place(world->ground.tree, GROUND_IFACE, HOOK_XDP, world->place, &why), 0);
	return 0;
}

static struct mend_places places(struct world *world, int64_t now)
{
	return world_mends(world, &tags, now);
}

static struct plan *seen(struct world *world, enum hook hook)
{
	const struct plan_places at = stock_plan_places(&world->stock);
	struct plan *plan = NULL;
	struct fault why = {0};

	if (scan_hook(&at, GROUND_IFACE, hook, &plan, &why))
		fail_msg("%s", why.text);
	return plan;
}

static bool is_whole(struct world *world, enum hook hook)
{
	OWNED(plan_drop) struct plan *plan = seen(world, hook);

	return plan->chains[0].truth.attached && plan->chains[0].truth.entered &&
	       !findings_count(&plan->chains[0].damage, FINDING_BROKEN);
}

static uint32_t generation(struct world *world)
{
	OWNED(plan_drop) struct plan *plan = seen(world, HOOK_XDP);

	return plan->chains[0].truth.generation;
}

// FAULT_NONE when it was put back.
static enum fault_code put_back(struct world *world, enum hook hook, const struct keeper *keeper)
{
	const struct mend_places at = places(world, STOCK_NOW);
	OWNED(plan_drop) struct plan *plan = seen(world, hook);
	char how[ATTACH_HOW];
	struct fault why = {0};

	if (mend_put_back(&at, &plan->chains[0], keeper, how, &why))
		return why.code;
	assert_true(how[0]);
	return FAULT_NONE;
}

static enum fault_code restored(struct world *world, int64_t now)
{
	const struct mend_places at = places(world, now);
	char how[ATTACH_HOW];
	struct fault why = {0};

	if (mend_restore(&at, GROUND_IFACE, HOOK_XDP, how, &why))
		return why.code;
	assert_true(how[0]);
	return FAULT_NONE;
}

static int pinned(const struct world *world, const char *name)
{
	char path[BPFFS_PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", world->place, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static void detach(const struct world *world)
{
	OWNED(drop_fd) int link = pinned(world, "link");

	assert_int_equal(bpf_link_detach(link), 0);
}

static void empty(const struct world *world)
{
	OWNED(drop_fd) int array = pinned(world, "root-1/array");
	uint32_t zero = 0;

	assert_int_equal(bpf_map_delete_elem(array, &zero), 0);
}

static void the_object_is_denied(struct world *world)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_plan(&world->stock, STOCK_NOW, &plan, &why), 0);
	stock_deny(&world->stock, &plan->chains[0].members[0].object);
	stock_publish(&world->stock, STOCK_NOW + STOCK_LIFE);
}

// ---- from what is in the kernel ----

static void a_detached_chain_is_attached_again_and_not_built(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	detach(world);
	empty(world);
	assert_false(is_whole(world, HOOK_XDP));
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
	assert_int_equal(generation(world), 1);
	// Again changes nothing.
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
}

static void what_somebody_has_pinned_beside_it_goes(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	detach(world);
	ground_sh("mkdir %s/gen-7 %s/root-7", world->place, world->place);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
	ground_sh("test ! -e %s/gen-7 && test ! -e %s/root-7", world->place, world->place);
	assert_true(is_whole(world, HOOK_XDP));
}

static void a_generation_that_is_not_whole_is_not_put_back(void **state)
{
	struct world *world = the_world(state);

	stock_configure(&world->stock, "[{\"use\":\"net/count\",\"version\":\"1.0.0\"},"
				       "{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	applied(&world->stock);
	ground_sh("rm %s/gen-1/next-0", world->place); // nobody holds it: it is empty now
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_DRIFT);
	assert_int_equal(restored(world, STOCK_NOW), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
	assert_int_equal(generation(world), 2);
}

static void what_is_held_makes_it_whole_again(void **state)
{
	struct world *world = the_world(state);
	OWNED(keeper_drop) struct keeper *keeper = NULL;
	struct fault why = {0};
	size_t room = 100;

	applied(&world->stock);
	assert_int_equal(keeper_open(world->place, 1, 1, &room, &keeper, &why), 0);
	ground_sh("rm -r %s/*", world->place);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_DRIFT);
	assert_int_equal(put_back(world, HOOK_XDP, keeper), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
	assert_int_equal(generation(world), 1);
	// And which interface it is, so that another one of its name does not get its maps.
	assert_int_equal(bpffs_noted(world->place, "ifindex"), if_nametoindex(GROUND_IFACE));
	detach(world);
	ground_sh("ip link del " GROUND_IFACE " && ip link add " GROUND_IFACE
		  " type veth peer name peer0 && ip link set " GROUND_IFACE " up");
	assert_int_equal(put_back(world, HOOK_XDP, keeper), FAULT_DRIFT);
}

// Else a watch undoes what an apply has just made whole.
static void a_link_that_was_detached_is_not_put_over_the_one_that_came_after(void **state)
{
	struct world *world = the_world(state);
	OWNED(keeper_drop) struct keeper *keeper = NULL;
	struct fault why = {0};
	size_t room = 100, lost, pinned_again;
	char first[64];

	applied(&world->stock);
	assert_int_equal(keeper_open(world->place, 1, 1, &room, &keeper, &why), 0);
	detach(world);
	applied(&world->stock);
	assert_true(is_whole(world, HOOK_XDP));
	assert_int_equal(keeper_check(keeper, &lost, first, sizeof(first), &why), 0);
	ground_sh("test -e %s/link", world->place);
	assert_int_equal(keeper_put_back(keeper, &pinned_again, &why), 0);
	assert_true(is_whole(world, HOOK_XDP));
}

// A88: nothing of anybody else's is pushed aside.
static void a_program_in_our_place_is_named_and_stays(void **state)
{
	struct world *world = the_world(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	applied(&world->stock);
	detach(world);
	ground_sh("ip link set dev " GROUND_IFACE " xdp obj " TEST_BPF_DIR "/marks.bpf.o sec xdp");
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_KERNEL);
	assert_int_equal(restored(world, STOCK_NOW), FAULT_KERNEL);
	plan = seen(world, HOOK_XDP);
	assert_string_equal(plan->chains[0].damage.list[0].code, "link_detached");
	assert_int_equal(plan->chains[0].damage.list[0].program,
			 plan->chains[0].truth.iface_program);
	ground_sh("ip link set dev " GROUND_IFACE " xdp off");
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
}

// Swaps the first member's pin for one of his own and back, as fast as he can.
struct swapper {
	const struct world *world;
	int ours, theirs;
};

static bool swap(struct rival_board *board, const void *ctx)
{
	const struct swapper *swapper = ctx;
	char path[BPFFS_PATH_MAX + 32], fresh[BPFFS_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/gen-1/prog-0", swapper->world->place);
	snprintf(fresh, sizeof(fresh), "%s/gen-1/swap", swapper->world->place);
	for (unsigned i = 0; !atomic_load(&board->over) || i % 2; i++)
		if (bpf_obj_pin(i % 2 ? swapper->ours : swapper->theirs, fresh) ||
		    rename(fresh, path))
			return false;
	return true;
}

static uint32_t id_of(int program_fd)
{
	struct sys_program about;
	struct fault why = {0};

	assert_int_equal(sys_program(program_fd, &about, &why), 0);
	return about.id;
}

// A84: what is looked at is what is put into the slot.
static void a_pin_that_changes_under_us_is_never_let_into_the_slot(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int theirs = sys_tiny_program(HOOK_XDP, false, 2);
	OWNED(drop_fd) int array = -1;
	OWNED(drop_fd) int first = -1;
	struct swapper swapper = {.world = world, .theirs = theirs};
	uint32_t zero = 0, slot;
	size_t put = 0, kept_out = 0, theirs_in = 0;
	struct rival rival;
	struct fault why = {0};

	applied(&world->stock);
	array = pinned(world, "root-1/array");
	first = pinned(world, "gen-1/prog-0");
	swapper.ours = first;
	rival_start(&rival, swap, &swapper);
	for (size_t i = 0; i < 1000; i++) {
		bpf_map_delete_elem(array, &zero);
		if (put_back(world, HOOK_XDP, NULL) == FAULT_NONE)
			put++;
		else
			kept_out++;
		assert_int_equal(sys_slot(array, &slot, &why), 0);
		theirs_in += slot && slot != id_of(first);
	}
	rival_stop(&rival);
	printf("%zu times put back, %zu times kept out\n", put, kept_out);
	assert_int_equal(theirs_in, 0);
	assert_true(put && kept_out);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
}

// ---- what does not come back ----

static void what_is_denied_by_now_is_not_put_back(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	the_object_is_denied(world);
	detach(world);
	// Nobody has verified the new list yet; the restore does.
	assert_int_equal(restored(world, STOCK_NOW), FAULT_NONE);
	assert_false(is_whole(world, HOOK_XDP));
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_DRIFT);
	assert_false(is_whole(world, HOOK_XDP));
}

static void a_denial_that_was_seen_keeps_it_off(void **state)
{
	struct world *world = the_world(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applied(&world->stock);
	the_object_is_denied(world);
	assert_int_equal(stock_plan(&world->stock, STOCK_NOW, &plan, &why), 0);
	detach(world);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_DRIFT);
}

static void what_was_withdrawn_is_not_loaded_again(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	stock_withdraw(&world->stock, "1.0.0");
	stock_publish(&world->stock, STOCK_NOW + STOCK_LIFE);
	// It runs on where it runs, as after any apply: that is no load.
	detach(world);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_NONE);
	ground_sh("rm -r %s/*", world->place);
	assert_int_equal(put_back(world, HOOK_XDP, NULL), FAULT_DRIFT);
	assert_int_equal(restored(world, STOCK_NOW), FAULT_UNTRUSTED);
}

static void what_node_json_no_longer_asks_for_is_not_loaded_again(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	ground_sh("rm -r %s/*", world->place);
	stock_configure(&world->stock, "[{\"use\":\"net/other\",\"version\":\"1.0.0\"}]");
	assert_int_equal(restored(world, STOCK_NOW), FAULT_UNTRUSTED);
	assert_false(is_whole(world, HOOK_XDP));
}

static void what_may_stand_there_no_more_is_not_loaded_again(void **state)
{
	static const char rule[] = "{\"other0\":[\"net/*\"]}";
	struct world *world = the_world(state);
	OWNED(json_drop) struct json *places = NULL;
	struct fault why = {0};

	applied(&world->stock);
	ground_sh("rm -r %s/*", world->place);
	assert_int_equal(json_parse(rule, sizeof(rule) - 1, "rule", &places, &why), 0);
	world->stock.node->policy.interfaces = places;
	assert_int_equal(restored(world, STOCK_NOW), FAULT_POLICY);
	assert_false(is_whole(world, HOOK_XDP));
}

static void a_newer_version_is_not_what_is_restored(void **state)
{
	struct world *world = the_world(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	char tag[SYS_TAG_HEX];

	stock_configure(&world->stock, "[{\"use\":\"net/count\",\"version\":\"*\"}]");
	applied(&world->stock);
	plan = seen(world, HOOK_XDP);
	memcpy(tag, plan->chains[0].truth.members[0].program.tag, sizeof(tag));
	plan_drop(&plan);
	stock_add(&world->stock, "count2.json");
	stock_publish(&world->stock, STOCK_NOW + STOCK_LIFE);
	ground_sh("rm -r %s/*", world->place);
	assert_int_equal(restored(world, STOCK_NOW), FAULT_NONE);
	plan = seen(world, HOOK_XDP);
	assert_string_equal(plan->chains[0].truth.members[0].program.tag, tag);
}

static void in_an_outage_it_comes_back_all_the_same(void **state)
{
	struct world *world = the_world(state);

	applied(&world->stock);
	ground_sh("rm -r %s/* %s/var/lib/bpfseal/store/*", world->place, world->ground.root);
	assert_int_equal(restored(world, STOCK_NOW + 2 * STOCK_LIFE), FAULT_NONE);
	assert_true(is_whole(world, HOOK_XDP));
}

// ---- TC ----

static void configure_tc(struct world *world)
{
	static const char text[] = "{\"repositories\":{\"" STOCK_REPO
				   "\":{\"url\":\"https://repo.test\"}},\"interfaces\":{"
				   "\"" GROUND_IFACE "\":{\"tc_ingress\":[{\"use\":\"net/flow\","
				   "\"version\":\"1.0.0\"}]}}}";
	struct fault why = {0};

	node_drop(&world->stock.node);
	if (node_parse(text, sizeof(text) - 1, "node.json", &world->stock.node, &why))
		fail_msg("%s", why.text);
}

static uint64_t met(const struct world *world)
{
	char path[BPFFS_PATH_MAX + 64];
	OWNED(drop_fd) int fd = -1;
	uint64_t count = 0;
	uint32_t zero = 0;

	snprintf(path, sizeof(path), "%s/" GROUND_IFACE "/tc_ingress/gen-1/maps/corp:net:flow/seen",
		 world->ground.tree);
	fd = bpf_obj_get(path);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &count), 0);
	return count;
}

// Somebody who lets everything by, at the head of the hook, without a link.
static int come_before(void)
{
	const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1},
					{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = 1u << 3);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "before", "GPL", pass, 2, NULL), link;

	link = bpf_link_create(fd, (int)if_nametoindex(GROUND_IFACE), (enum bpf_attach_type)46,
			       &opts);
	close(fd);
	assert_true(link >= 0);
	return link;
}

static void ours_goes_back_to_the_head_and_no_packet_is_missed(void **state)
{
	// No more than the other end takes.
	const struct rival_sender peer = {.iface = "peer0", .pause_us = 20};
	struct world *world = the_world(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct rival sender;
	unsigned long sent;

	configure_tc(world);
	applied(&world->stock);
	rival_start(&sender, rival_sends, &peer);
	for (int i = 0; i < 30; i++) {
		int before = come_before();

		plan_drop(&plan);
		plan = seen(world, HOOK_TC_INGRESS);
		assert_int_equal(plan->chains[0].truth.before.count, 1);
		assert_int_equal(put_back(world, HOOK_TC_INGRESS, NULL), FAULT_NONE);
		plan_drop(&plan);
		plan = seen(world, HOOK_TC_INGRESS);
		assert_int_equal(plan->chains[0].truth.before.count, 0);
		assert_int_equal(plan->chains[0].truth.after.count, 1);
		drop_fd(&before);
	}
	sent = rival_stop(&sender);
	ground_drain();
	// While two roots stood, some have met the chain twice; none has not met it.
	print_message("%lu sent, %llu met the chain\n", sent, (unsigned long long)met(world));
	assert_true(sent > 100);
	assert_true(met(world) >= sent);
	assert_true(is_whole(world, HOOK_TC_INGRESS));
}

// ---- a root that is damaged and runs ----

static void a_root_that_lost_a_pin_keeps_its_slot_until_the_new_one_stands(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int root = -1;
	unsigned char frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	uint64_t fell = 0;
	uint32_t zero = 0;
	OWNED(drop_fd) int counter = -1;

	applied(&world->stock);
	root = pinned(world, "root-1/prog");
	counter = pinned(world, "root-1/fell");
	ground_sh("rm %s/root-1/fell", world->place);
	// Everything that an apply does before its switch.
	assert_int_equal(stock_plan(&world->stock, STOCK_NOW, &plan, &why), 0);
	{
		struct chain_spec spec =
			ground_spec(&world->ground, plan->chains[0].members, plan->chains[0].count);
		OWNED(chain_drop) struct chain *chain = NULL;

		spec.policy = &world->stock.node->policy;
		assert_int_equal(chain_build(&spec, &chain, &why), 0);
		usleep(200000); // the kernel empties an array in its own time
		assert_int_equal(bpf_prog_test_run_opts(root, &opts), 0);
		assert_int_equal(bpf_map_lookup_elem(counter, &zero, &fell), 0);
		assert_int_equal(fell, 0);
	}
	applied(&world->stock);
	assert_true(is_whole(world, HOOK_XDP));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_detached_chain_is_attached_again_and_not_built),
		IN_WORLD(what_somebody_has_pinned_beside_it_goes),
		IN_WORLD(a_generation_that_is_not_whole_is_not_put_back),
		IN_WORLD(what_is_held_makes_it_whole_again),
		IN_WORLD(a_link_that_was_detached_is_not_put_over_the_one_that_came_after),
		IN_WORLD(a_program_in_our_place_is_named_and_stays),
		IN_WORLD(a_pin_that_changes_under_us_is_never_let_into_the_slot),
		IN_WORLD(what_is_denied_by_now_is_not_put_back),
		IN_WORLD(a_denial_that_was_seen_keeps_it_off),
		IN_WORLD(what_was_withdrawn_is_not_loaded_again),
		IN_WORLD(what_node_json_no_longer_asks_for_is_not_loaded_again),
		IN_WORLD(what_may_stand_there_no_more_is_not_loaded_again),
		IN_WORLD(a_newer_version_is_not_what_is_restored),
		IN_WORLD(in_an_outage_it_comes_back_all_the_same),
		IN_WORLD(ours_goes_back_to_the_head_and_no_packet_is_missed),
		IN_WORLD(a_root_that_lost_a_pin_keeps_its_slot_until_the_new_one_stands),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
