// SPDX-License-Identifier: Apache-2.0
// A timer runs as long as the map that it stands in, with the code that started it: a version that is replaced, or denied,
// must not run on in a map that its successor took over.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/monitor.h"
#include "loader/sys.h"
#include "tests/kernel/world.h"

static const char first[] = "[{\"use\":\"net/ticks\",\"version\":\"1.0.0\"}]";
static const char again[] = "[{\"use\":\"net/count\",\"version\":\"1.0.0\"},"
			    "{\"use\":\"net/ticks\",\"version\":\"1.0.0\"}]";
static const char second[] = "[{\"use\":\"net/ticks\",\"version\":\"2.0.0\"}]";
static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "../tests/kernel/ticks.json",
						"../tests/kernel/ticks2.json", NULL};

	if (ready)
		world_up(state, manifests);
	return 0;
}

static int open_ticks(const struct stock *stock)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	struct fault why = {0};
	int fd = -1;

	must(bpffs_place(stock->ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
		     bpffs_join(place, "maps", maps, &why) ||
		     bpffs_join(maps, "corp:net:ticks", dir, &why) ||
		     bpffs_get(dir, "ticks", &fd, &why),
	     &why);
	return fd;
}

static uint32_t ticks_id(const struct stock *stock)
{
	OWNED(drop_fd) int fd = open_ticks(stock);
	struct bpf_map_info info;
	struct fault why = {0};

	must(sys_map(fd, &info, &why), &why);
	return info.id;
}

static uint64_t ticked(const struct stock *stock)
{
	OWNED(drop_fd) int fd = open_ticks(stock);
	uint64_t value[3] = {0};
	uint32_t slot = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &slot, value), 0);
	return value[2];
}

static void pause_ms(long ms)
{
	const struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
}

// However slow the machine is: what ticks gets there.
static void ticks_past(const struct stock *stock, uint64_t count)
{
	for (int i = 0; i < 3000 && ticked(stock) <= count; i++)
		pause_ms(20);
	assert_true(ticked(stock) > count);
}

static bool is_there(uint32_t map)
{
	OWNED(drop_fd) int fd = bpf_map_get_fd_by_id(map);

	return fd >= 0;
}

static void starts(struct stock *stock)
{
	char way[GROUND_WAY];

	applies(stock, first);
	ground_run(stock->ground, way);
	ticks_past(stock, 2);
}

static void a_timer_ends_with_the_version_that_started_it(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t old;

	starts(stock);
	old = ticks_id(stock);
	applies(stock, second);
	assert_int_not_equal(ticks_id(stock), old);
	// The kernel frees it some time later, and with it the timer.
	for (int i = 0; i < 3000 && is_there(old); i++)
		pause_ms(20);
	assert_false(is_there(old));
	assert_int_equal(ticked(stock), 0);
}

// The very same code may go on.
static void a_timer_goes_on_where_its_program_stays(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t old;

	starts(stock);
	old = ticks_id(stock);
	applies(stock, again);
	assert_int_equal(ticks_id(stock), old);
	ticks_past(stock, ticked(stock));
}

static void deny_ticks(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	stock_deny(stock, &plan->chains[0].members[0].object);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
}

// As `bpfseal watch` looks at it, all findings settled.
static void watched(struct stock *stock, struct monitor **monitor)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	size_t room = 1000;

	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	assert_int_equal(plan->count, 1);
	if (!*monitor)
		*monitor = monitor_new(stock->ground->tree, &plan->chains[0], 1, &why);
	assert_non_null(*monitor);
	must(monitor_settle(*monitor, &plan->chains[0], NULL, &room, &why), &why);
}

// The watch holds what is pinned, so that nobody takes it away; what was taken away rightly it has to let go.
static void a_timer_ends_with_a_chain_that_is_denied_under_a_watch(void **state)
{
	struct stock *stock = the_stock(state);
	struct monitor *monitor = NULL;
	struct fault why = {0};
	size_t room = 0;
	uint32_t old;

	starts(stock);
	old = ticks_id(stock);
	watched(stock, &monitor);
	deny_ticks(stock);
	must(stock_apply(stock, STOCK_NOW, &why), &why);
	watched(stock, &monitor);
	for (int i = 0; i < 3000 && is_there(old); i++)
		pause_ms(20);
	assert_false(is_there(old));
	monitor_free(monitor, NULL, &room);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_timer_ends_with_the_version_that_started_it),
		IN_WORLD(a_timer_goes_on_where_its_program_stays),
		IN_WORLD(a_timer_ends_with_a_chain_that_is_denied_under_a_watch),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
