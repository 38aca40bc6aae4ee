// SPDX-License-Identifier: Apache-2.0
// What wakes a watcher, and that nothing else does.
#include "loader/wakeup.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <net/if.h>

#include "base/owned.h"
#include "tests/kernel/ground.h"

struct world {
	struct ground ground;
	struct wakeup *wakeup;
	char dir[128];
	unsigned rung[WAKEUP_LOST + 1];
	uint32_t which[WAKEUP_LOST +
		       1]; // of the last of each kind: the kernel tells of links when it likes
};

static bool ready;

static int up(void **state)
{
	static struct world world;
	struct fault why = {0};

	if (!ready)
		return 0;
	ground_up(&world.ground);
	snprintf(world.dir, sizeof(world.dir), "%s/d", world.ground.tree);
	ground_sh("mkdir -p %s/deeper/down", world.dir);
	if (wakeup_new(&world.wakeup, &why))
		fail_msg("%s", why.text);
	*state = &world;
	return 0;
}

static int down(void **state)
{
	struct world *world = *state;

	if (world) {
		wakeup_drop(&world->wakeup);
		ground_down(&world->ground);
	}
	return 0;
}

static struct world *the_world(void **state)
{
	if (!ready)
		skip();
	return *state;
}

static void woken(void *ctx, enum wakeup_what what, uint32_t which)
{
	struct world *world = ctx;

	world->rung[what]++;
	world->which[what] = which;
}

static void listen_for(struct world *world, int64_t timeout_ms)
{
	struct fault why = {0};

	memset(world->rung, 0, sizeof(world->rung));
	if (wakeup_wait(world->wakeup, timeout_ms, woken, world, &why))
		fail_msg("%s", why.text);
}

static void pin_one(const struct world *world, const char *name)
{
	OWNED(drop_fd) int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "x", 4, 4, 1, NULL);
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", world->dir, name);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
}

static void a_pin_wakes_where_it_comes_goes_or_is_renamed(void **state)
{
	struct world *world = the_world(state);
	struct fault why = {0};

	pin_one(world, "before");
	assert_int_equal(wakeup_watch(world->wakeup, world->dir, 7, &why), 0);
	listen_for(world, 0);
	assert_int_equal(world->rung[WAKEUP_PINS], 0);
	pin_one(world, "deeper/down/a");
	listen_for(world, 1000);
	assert_int_equal(world->rung[WAKEUP_PINS], 1);
	assert_int_equal(world->which[WAKEUP_PINS], 7);
	ground_sh("mv %s/deeper/down/a %s/before", world->dir, world->dir);
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_PINS] >= 1);
	ground_sh("rm %s/before", world->dir);
	listen_for(world, 1000);
	assert_int_equal(world->rung[WAKEUP_PINS], 1);
	ground_sh("rm -r %s", world->dir);
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_PINS] >= 1);
	wakeup_forget(world->wakeup, 7);
	listen_for(world, 0);
	assert_int_equal(world->rung[WAKEUP_PINS], 0);
}

static void what_is_forgotten_wakes_no_more(void **state)
{
	struct world *world = the_world(state);
	struct fault why = {0};

	assert_int_equal(wakeup_watch(world->wakeup, world->dir, 7, &why), 0);
	assert_int_equal(wakeup_watch(world->wakeup, world->dir, 8, &why), 0);
	wakeup_forget(world->wakeup, 7); // the second tag took the directories over
	pin_one(world, "x");
	listen_for(world, 1000);
	assert_int_equal(world->which[WAKEUP_PINS], 8);
	wakeup_forget(world->wakeup, 8);
	pin_one(world, "y");
	listen_for(world, 0);
	assert_int_equal(world->rung[WAKEUP_PINS], 0);
	assert_int_equal(wakeup_watch(world->wakeup, "/no/such/place", 9, &why), 0);
}

static void pin_program(const char *path)
{
	const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1},
					{.code = BPF_JMP | BPF_EXIT}};
	OWNED(drop_fd)
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pass", "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
}

static void interfaces_and_filters_wake_with_their_index(void **state)
{
	struct world *world = the_world(state);
	uint32_t index = if_nametoindex(GROUND_IFACE);
	char path[256];

	listen_for(world, 0);
	ground_sh("tc qdisc add dev " GROUND_IFACE " clsact");
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_FILTERS] >= 1);
	assert_int_equal(world->which[WAKEUP_FILTERS], index);
	snprintf(path, sizeof(path), "%s/pass", world->dir);
	pin_program(path);
	ground_sh("tc filter add dev " GROUND_IFACE " ingress bpf da object-pinned %s", path);
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_FILTERS] >= 1);
	ground_sh("ip link del " GROUND_IFACE);
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_LINK] >= 1);
	ground_sh("ip link add " GROUND_IFACE " type veth peer name peer0");
	listen_for(world, 1000);
	assert_true(world->rung[WAKEUP_LINK] >= 1);
}

// More than the socket holds: it must not be taken for silence.
static void a_flood_wakes_for_everything(void **state)
{
	struct world *world = the_world(state);

	ground_sh("for i in $(seq 3000); do echo link set " GROUND_IFACE " alias $i; done | "
		  "ip -batch -");
	listen_for(world, 1000);
	assert_int_equal(world->rung[WAKEUP_LOST], 1);
	listen_for(world, 0);
	assert_int_equal(world->rung[WAKEUP_LOST], 0);
}

static void a_signal_wakes_instead_of_killing(void **state)
{
	struct world *world = the_world(state);

	kill(getpid(), SIGTERM);
	listen_for(world, 1000);
	assert_int_equal(world->rung[WAKEUP_END], 1);
	listen_for(world, 0);
	assert_int_equal(world->rung[WAKEUP_END], 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_pin_wakes_where_it_comes_goes_or_is_renamed),
		IN_WORLD(what_is_forgotten_wakes_no_more),
		IN_WORLD(interfaces_and_filters_wake_with_their_index),
		IN_WORLD(a_flood_wakes_for_everything),
		IN_WORLD(a_signal_wakes_instead_of_killing),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
