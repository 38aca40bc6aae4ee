// SPDX-License-Identifier: Apache-2.0
// Another process pins a map of the same shape under the name of ours: it shows at the next look, whoever looks, and what
// is in his never comes into a chain as data of ours.
#include "loader/mapid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/keeper.h"
#include "loader/mend.h"
#include "loader/peek.h"
#include "loader/record.h"
#include "loader/running.h"
#include "loader/scan.h"
#include "tests/kernel/world.h"

#define ONE "{\"use\":\"net/count\",\"version\":\"1.0.0\"}"
#define TWO "[" ONE "," ONE "]"

#define FIRST  "corp:net:count/counts"
#define SECOND "corp:net:count:2/counts"

#define SLOT 200 // that no packet of a test counts in

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "../tests/kernel/knobs.json", NULL};
	struct fault why = {0};
	struct world *world;

	if (!ready)
		return 0;
	world = world_up(state, manifests);
	return bpffs_place(world->ground.tree, GROUND_IFACE, HOOK_XDP, world->place, &why);
}

// ---- a map, and who else writes under its name ----

static uint32_t generation(const struct world *world)
{
	struct truth truth;
	struct fault why = {0};

	must(truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), &why);
	return truth.generation;
}

static int pinned_at(const struct world *world, const char *name)
{
	char path[BPFFS_PATH_MAX + 128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", world->ground.tree, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static int pinned(const struct world *world, const char *map)
{
	char name[128];

	snprintf(name, sizeof(name), GROUND_IFACE "/xdp/gen-%u/maps/%s", generation(world), map);
	return pinned_at(world, name);
}

static void mark(const struct world *world, const char *map, uint64_t number)
{
	OWNED(drop_fd) int fd = pinned(world, map);
	uint64_t values[256][2];
	uint32_t slot = SLOT;

	assert_true(libbpf_num_possible_cpus() <= 256);
	for (size_t i = 0; i < 256; i++)
		values[i][0] = values[i][1] = number;
	assert_int_equal(bpf_map_update_elem(fd, &slot, values, BPF_ANY), 0);
}

static uint64_t marked(const struct world *world, const char *map)
{
	OWNED(drop_fd) int fd = pinned(world, map);
	uint64_t values[256][2];
	uint32_t slot = SLOT;

	assert_int_equal(bpf_map_lookup_elem(fd, &slot, values), 0);
	return values[0][0];
}

// A process of somebody else's, which makes a map of the same shape and puts it in the place of ours.
static void swap(const struct world *world, const char *map)
{
	ground_sh("rm -f %s/gen-%u/maps/%s && "
		  "bpftool map create %s/gen-%u/maps/%s type percpu_array key 4 value 16 "
		  "entries 256 name counts",
		  world->place, generation(world), map, world->place, generation(world), map);
}

// ---- looks ----

static struct plan *seen(struct world *world)
{
	const struct plan_places places = stock_plan_places(&world->stock);
	struct plan *plan = NULL;
	struct fault why = {0};

	must(scan_all(&places, &plan, &why), &why);
	return plan;
}

// The codes of all chains, "a b"; "" where they are sound.
static void found(struct world *world, char codes[static 256])
{
	OWNED(plan_drop) struct plan *plan = seen(world);

	codes[0] = '\0';
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k < plan->chains[i].damage.count; k++)
			snprintf(codes + strlen(codes), 256 - strlen(codes), "%s%s",
				 *codes ? " " : "", plan->chains[i].damage.list[k].code);
}

#define FINDS(world, want)                         \
	do {                                       \
		char codes_[256];                  \
		found(world, codes_);              \
		assert_string_equal(codes_, want); \
	} while (0)

// What a plan says becomes of a map of the only chain.
static enum map_fate fate(struct world *world, size_t member, const char *map)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	must(stock_plan(&world->stock, STOCK_NOW, &plan, &why), &why);
	assert_true(plan_builds(plan->chains[0].action));
	for (size_t i = 0; i < plan->chains[0].maps[member].count; i++)
		if (!strcmp(plan->chains[0].maps[member].maps[i].name, map))
			return plan->chains[0].maps[member].maps[i].fate;
	fail_msg("nothing is foretold of %s", map);
	return MAP_FRESH;
}

static void mended(struct world *world)
{
	applied(&world->stock);
	FINDS(world, "");
}

// ---- tests ----

static void another_map_is_told_and_is_nobodys_data(void **state)
{
	struct world *world = the_world(state);

	applies(&world->stock, TWO);
	FINDS(world, "");
	mark(world, FIRST, 7);
	mark(world, SECOND, 7);
	swap(world, SECOND);
	mark(world, SECOND, 666);
	FINDS(world, "map_replaced");
	assert_int_equal(fate(world, 0, "counts"), MAP_KEPT);
	assert_int_equal(fate(world, 1, "counts"), MAP_LOST);
	mended(world);
	assert_int_equal(marked(world, FIRST), 7);
	assert_int_equal(marked(world, SECOND), 0);
}

static void a_map_of_ours_under_anothers_name_is_told_too(void **state)
{
	struct world *world = the_world(state);
	char path[BPFFS_PATH_MAX + 64];
	OWNED(drop_fd) int first = -1;

	applies(&world->stock, TWO);
	mark(world, FIRST, 7);
	first = pinned(world, FIRST);
	snprintf(path, sizeof(path), "%s/gen-1/maps/" SECOND, world->place);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(first, path), 0);
	FINDS(world, "map_replaced");
	mended(world);
	assert_int_equal(marked(world, FIRST), 7);
	assert_int_equal(marked(world, SECOND), 0);
}

static void of_one_that_is_gone_the_plan_says_that_data_are_lost(void **state)
{
	struct world *world = the_world(state);

	applies(&world->stock, TWO);
	ground_sh("rm %s/gen-1/maps/" SECOND, world->place);
	FINDS(world, "pin_missing");
	assert_int_equal(fate(world, 0, "counts"), MAP_KEPT);
	assert_int_equal(fate(world, 1, "counts"), MAP_LOST);
	mended(world);
}

// Bound to the program it is one of its maps for the kernel: what counts is which one it was loaded with.
static void a_map_that_was_bound_to_the_program_is_not_its_own(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int program = -1, map = -1;
	char path[BPFFS_PATH_MAX + 64];

	applies(&world->stock, TWO);
	swap(world, SECOND);
	snprintf(path, sizeof(path), "%s/gen-1/prog-1", world->place);
	program = bpf_obj_get(path);
	map = pinned(world, SECOND);
	assert_int_equal(bpf_prog_bind_map(program, map, NULL), 0);
	FINDS(world, "map_replaced");
	mended(world);
}

// Before the program that he expects is added.
static void what_waits_under_the_name_of_a_new_program_is_not_taken_over(void **state)
{
	struct world *world = the_world(state);

	applies(&world->stock, "[" ONE "]");
	mark(world, FIRST, 7);
	ground_sh("mkdir %s/gen-1/maps/corp:net:count:2", world->place);
	swap(world, SECOND);
	mark(world, SECOND, 666);
	stock_configure(&world->stock, TWO);
	assert_int_equal(fate(world, 1, "counts"), MAP_FRESH);
	mended(world);
	assert_int_equal(marked(world, FIRST), 7);
	assert_int_equal(marked(world, SECOND), 0);
}

static void a_record_of_an_earlier_version_is_no_alarm(void **state)
{
	struct world *world = the_world(state);

	applies(&world->stock, TWO);
	ground_sh("sed -i 's/\"" MAPID_KEY "\"/\"unknown\"/' "
		  "%s/var/lib/bpfseal-loader/" RECORD_ACTIVE,
		  world->ground.root);
	FINDS(world, "");
	mark(world, SECOND, 7);
	// With the next change its maps are known, and go on.
	stock_configure(&world->stock, "[" ONE "," ONE "," ONE "]");
	mended(world);
	assert_int_equal(marked(world, SECOND), 7);
	swap(world, SECOND);
	FINDS(world, "map_replaced");
}

static void a_rollback_takes_over_nothing_of_somebody_elses(void **state)
{
	struct world *world = the_world(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applies(&world->stock, TWO);
	mark(world, FIRST, 7);
	applies(&world->stock, "[" ONE "," ONE "," ONE "]");
	swap(world, SECOND);
	mark(world, SECOND, 666);
	must(stock_rollback(&world->stock, STOCK_NOW, NULL, &plan, &why), &why);
	must(stock_run(&world->stock, plan, &why), &why);
	FINDS(world, "");
	assert_int_equal(marked(world, FIRST), 7);
	assert_int_equal(marked(world, SECOND), 0);
}

// Every pin of the shared map, under all its names.
static void what_is_shared_is_not_taken_from_somebody_else(void **state)
{
#define KNOBS "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"}]"
	static const char *const names[] = {GROUND_IFACE "/xdp/maps/corp:net:knobs/together",
					    GROUND_IFACE
					    "/tc_ingress/maps/corp:net:knobs/together"};
	struct world *world = the_world(state);
	OWNED(drop_fd) int theirs = -1;
	uint32_t slot = 1;
	uint64_t value = 666;

	stock_interfaces(&world->stock,
			 "\"" GROUND_IFACE "\":{\"xdp\":" KNOBS ",\"tc_ingress\":" KNOBS "}");
	applied(&world->stock);
	FINDS(world, "");
	ground_sh(
		"cd %s/" GROUND_IFACE " && bpftool map create theirs type array key 4 value 8 "
		"entries 4 name together && for pin in */maps/corp:net:knobs/together "
		"shared/*/together:*; do rm $pin && bpftool map pin pinned theirs $pin || exit 1; "
		"done && mv theirs ..",
		world->ground.tree);
	theirs = pinned_at(world, "theirs");
	assert_int_equal(bpf_map_update_elem(theirs, &slot, &value, BPF_ANY), 0);
	FINDS(world, "map_replaced map_replaced");
	assert_int_equal(fate(world, 0, "together"), MAP_LOST);
	mended(world);
	for (size_t i = 0; i < 2; i++) {
		OWNED(drop_fd) int fd = pinned_at(world, names[i]);

		assert_int_equal(bpf_map_lookup_elem(fd, &slot, &value), 0);
		assert_int_equal(value, 0);
	}
}

// Who held it puts it back with all that is in it; who did not loses nothing by his own hand.
static void a_watch_puts_back_what_it_holds_and_destroys_nothing(void **state)
{
	struct world *world = the_world(state);
	struct stock *stock = &world->stock;
	struct anchor_tags tags = {0};
	const struct mend_places places = world_mends(world, &tags, STOCK_NOW);
	OWNED(keeper_drop) struct keeper *keeper = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	char how[ATTACH_HOW];
	struct fault why = {0};
	size_t room = 100;

	applies(stock, TWO);
	mark(world, SECOND, 7);
	assert_int_equal(keeper_open(world->place, 1, 1, &room, &keeper, &why), 0);
	swap(world, SECOND);
	plan = seen(world);
	assert_int_equal(mend_put_back(&places, &plan->chains[0], NULL, how, &why), 0);
	assert_int_equal(mend_check_maps(&places, &plan->chains[0], &why), -1);
	assert_int_equal(why.code, FAULT_DRIFT);
	assert_int_equal(generation(world), 1);
	FINDS(world, "map_replaced");
	fault_clear(&why);
	must(mend_put_back(&places, &plan->chains[0], keeper, how, &why), &why);
	must(mend_check_maps(&places, &plan->chains[0], &why), &why);
	FINDS(world, "");
	assert_int_equal(marked(world, SECOND), 7);
}

static void what_is_asked_of_it_by_hand_is_refused(void **state)
{
	struct world *world = the_world(state);
	OWNED(json_drop) struct json *record = NULL;
	OWNED(running_drop) struct running running = {0};
	OWNED(peek_drop) struct peek peek = {.fd = -1, .cell = {.fd = -1}};
	struct fault why = {0};

	applies(&world->stock, "[" ONE "]");
	must(record_load(world->stock.loader_dirfd, world->ground.tree, &record, &why), &why);
	const struct running_places places = {.tree = world->ground.tree,
					      .record = record,
					      .objects_dirfd = world->stock.objects_dirfd};
	const struct running_query query = {.use = "net/count"};

	must(running_find(&places, &query, &running, &why), &why);
	must(running_open(&places, &running, &why), &why);
	must(peek_open(&running, "counts", &peek, &why), &why);
	peek_drop(&peek);
	swap(world, FIRST);
	assert_int_equal(peek_open(&running, "counts", &peek, &why), -1);
	assert_int_equal(why.code, FAULT_DRIFT);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(another_map_is_told_and_is_nobodys_data),
		IN_WORLD(a_map_of_ours_under_anothers_name_is_told_too),
		IN_WORLD(of_one_that_is_gone_the_plan_says_that_data_are_lost),
		IN_WORLD(a_map_that_was_bound_to_the_program_is_not_its_own),
		IN_WORLD(what_waits_under_the_name_of_a_new_program_is_not_taken_over),
		IN_WORLD(a_record_of_an_earlier_version_is_no_alarm),
		IN_WORLD(a_rollback_takes_over_nothing_of_somebody_elses),
		IN_WORLD(what_is_shared_is_not_taken_from_somebody_else),
		IN_WORLD(a_watch_puts_back_what_it_holds_and_destroys_nothing),
		IN_WORLD(what_is_asked_of_it_by_hand_is_refused),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
