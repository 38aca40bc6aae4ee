// SPDX-License-Identifier: Apache-2.0
// What deleted pins do to a chain, with somebody who holds what they held and without.
#include "loader/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"

#define PASS 2

struct world {
	struct ground ground;
	struct member members[2];
	char place[BPFFS_PATH_MAX];
	int root_fd; // as an attacker would hold it: a program, not an array
};

static bool ready;

static int up(void **state)
{
	static struct world world;
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	struct fault why = {0};

	if (!ready)
		return 0;
	ground_up(&world.ground);
	world.members[0] = ground_member("t/a", "marks.bpf.o", "mark1", HOOK_XDP, LINK_WRAP, NULL);
	world.members[1] = ground_member("t/b", "marks.bpf.o", "mark2", HOOK_XDP, LINK_WRAP, NULL);
	ground_apply(&world.ground, world.members, 2);
	if (bpffs_place(world.ground.tree, GROUND_IFACE, HOOK_XDP, world.place, &why) ||
	    anchor_newest(world.place, &root, &why))
		fail_msg("%s", why.text);
	world.root_fd = HAND_OVER_FD(root.program_fd);
	*state = &world;
	return 0;
}

static int down(void **state)
{
	struct world *world = *state;

	if (!world)
		return 0;
	drop_fd(&world->root_fd);
	member_drop(&world->members[0]);
	member_drop(&world->members[1]);
	ground_down(&world->ground);
	return 0;
}

static struct world *the_world(void **state)
{
	if (!ready)
		skip();
	return *state;
}

static struct keeper *kept(const struct world *world, size_t *room)
{
	struct keeper *keeper = NULL;
	struct fault why = {0};

	if (keeper_open(world->place, 1, 1, room, &keeper, &why))
		fail_msg("%s", why.text);
	return keeper;
}

// How many programs of the chain a packet still meets.
static size_t met(const struct world *world)
{
	unsigned char in[64] = {0}, out[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(world->root_fd, &opts), 0);
	assert_int_equal(opts.retval, PASS);
	return out[14];
}

static size_t lost(const struct keeper *keeper, char first[static 64])
{
	struct fault why = {0};
	size_t count;

	first[0] = '\0';
	if (keeper_check(keeper, &count, first, 64, &why))
		fail_msg("%s", why.text);
	return count;
}

static size_t put_back(const struct keeper *keeper)
{
	struct fault why = {0};
	size_t count;

	if (keeper_put_back(keeper, &count, &why))
		fail_msg("%s", why.text);
	return count;
}

static void delete_all_pins(const struct world *world)
{
	ground_sh("rm -r %s/*", world->place);
}

// The control: this is what nobody's holding does (the kernel empties a PROG_ARRAY with its last descriptor or pin).
static void deleted_pins_empty_a_chain_that_nobody_holds(void **state)
{
	struct world *world = the_world(state);

	assert_int_equal(met(world), 2);
	delete_all_pins(world);
	// The kernel empties it in its own time, on a busy machine after a while.
	for (int i = 0; i < 6000 && met(world); i++)
		usleep(10000);
	assert_int_equal(met(world), 0);
}

static void deleted_pins_change_nothing_while_they_are_held(void **state)
{
	struct world *world = the_world(state);
	size_t room = 100;
	OWNED(keeper_drop) struct keeper *keeper = kept(world, &room);
	struct truth truth;
	struct fault why = {0};
	uint32_t program;
	char way[GROUND_WAY], first[64];

	assert_int_equal(lost(keeper, first), 0);
	assert_int_equal(room, 100 - keeper_count(keeper));
	assert_int_equal(truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), 0);
	program = truth.members[0].program.id;
	assert_int_equal(ground_run(&world->ground, way), PASS);
	assert_int_equal(ground_count(&world->ground, "test:t:a", "seen"), 1);
	delete_all_pins(world);
	assert_int_equal(met(world), 2);
	assert_int_equal(lost(keeper, first), keeper_count(keeper));
	assert_string_equal(first, "link");
	assert_int_equal(put_back(keeper), keeper_count(keeper));
	assert_int_equal(lost(keeper, first), 0);
	// The same programs, the same link, the same counters.
	assert_int_equal(truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), 0);
	assert_int_equal(truth.members[0].program.id, program);
	assert_true(truth.linked && truth.entered);
	assert_int_equal(truth.link.ifindex, truth.iface_index);
	assert_int_equal(truth.generation, 1);
	assert_int_equal(bpffs_point_maps(world->place, 1, &why), 0);
	assert_int_equal(ground_run(&world->ground, way), PASS);
	assert_string_equal(way, "1 2");
	assert_int_equal(ground_count(&world->ground, "test:t:a", "seen"), 3);
	assert_int_equal(put_back(keeper), 0);
}

static void a_pin_that_holds_something_else_is_found_and_put_right(void **state)
{
	struct world *world = the_world(state);
	size_t room = 100;
	OWNED(keeper_drop) struct keeper *keeper = kept(world, &room);
	char path[BPFFS_PATH_MAX + 32], first[64];
	OWNED(drop_fd) int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "seen", 4, 8, 1, NULL);

	assert_true(other >= 0);
	snprintf(path, sizeof(path), "%s/gen-1/maps/test:t:b/seen", world->place);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(other, path), 0);
	assert_int_equal(lost(keeper, first), 1);
	assert_string_equal(first, "gen-1/maps/test:t:b/seen");
	assert_int_equal(put_back(keeper), 1);
	assert_int_equal(lost(keeper, first), 0);
	// A directory in a pin's place is no pin.
	assert_int_equal(unlink(path), 0);
	ground_sh("mkdir %s", path);
	assert_int_equal(lost(keeper, first), 1);
	assert_int_equal(put_back(keeper), 1);
	assert_int_equal(lost(keeper, first), 0);
}

static void with_little_room_the_link_and_the_arrays_come_first(void **state)
{
	struct world *world = the_world(state);
	size_t room = 5;
	OWNED(keeper_drop) struct keeper *keeper = kept(world, &room);

	assert_int_equal(room, 0);
	assert_int_equal(keeper_count(keeper), 5);
	assert_true(keeper_fd(keeper, "link") >= 0);
	assert_true(keeper_fd(keeper, "root-1/array") >= 0);
	assert_true(keeper_fd(keeper, "gen-1/next-0") >= 0);
	assert_int_equal(keeper_fd(keeper, "gen-1/prog-1"), -1);
	delete_all_pins(world);
	assert_int_equal(met(world), 2);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(deleted_pins_empty_a_chain_that_nobody_holds),
		IN_WORLD(deleted_pins_change_nothing_while_they_are_held),
		IN_WORLD(a_pin_that_holds_something_else_is_found_and_put_right),
		IN_WORLD(with_little_room_the_link_and_the_arrays_come_first),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
