// SPDX-License-Identifier: Apache-2.0
// A chain of thirty programs is changed again and again under a flood from every processor. Each frame carries the sum of
// the members that it went through, and somebody outside the chain holds it against the orders that are legal at that
// moment: the running one, and while it is switched the next one. Nothing may be lost, doubled, late or on another way.
// The same checks on a chain that is rewritten in place must find errors, or they would see nothing.
//
// FLOOD_CHANGES and FLOOD_PACKETS ask for more than the few of every `make check`.
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/filter.h"
#include "loader/sys.h"
#include "loader/truth.h"
#include "tests/kernel/flood_send.h"
#include "tests/kernel/flood_watch.h"
#include "tests/kernel/ground.h"

#define LENGTH	   30 // where it begins; then LENGTH_MIN to LENGTH_MAX
#define LENGTH_MIN 28
#define LENGTH_MAX 32
#define STEADY \
	20 // ids up to this one are never taken out: their counters must have counted everything
#define IDS	40
#define UPGRADE 1000 // what a second version adds to its id

struct step {
	unsigned id, value;
	bool second;
};

struct order {
	struct step steps[LENGTH_MAX];
	size_t count;
};

static bool ready;

struct scene {
	struct ground ground;
	enum hook hook;
	struct attach_wish wish;
	struct flood_watch watch;
	struct flood_send send;
	int64_t *switches_us; // of each change
	size_t switched;
};

static int up(void **state)
{
	static struct scene scene;

	if (!ready)
		return 0;
	memset(&scene, 0, sizeof(scene));
	ground_up(&scene.ground);
	// As many queues as processors, so that frames are received on several of them.
	ground_sh("ip link del " GROUND_IFACE " && q=$(nproc) && ip link add " GROUND_IFACE
		  " numtxqueues $q numrxqueues $q type veth peer name peer0 numtxqueues $q "
		  "numrxqueues $q && ip link set " GROUND_IFACE " up && ip link set peer0 up");
	*state = &scene;
	return 0;
}

static int down(void **state)
{
	struct scene *scene = *state;

	if (!scene)
		return 0;
	flood_send_stop(&scene->send); // also after a failure
	flood_watch_down(&scene->watch);
	free(scene->switches_us);
	ground_down(&scene->ground);
	return 0;
}

static struct scene *the_scene(void **state, enum hook hook)
{
	struct scene *scene = *state;

	if (!ready)
		skip();
	scene->hook = hook;
	scene->wish = (struct attach_wish){.native_ok = true};
	return scene;
}

static unsigned long asked(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

// ---- orders ----

// xorshift: the same changes in every run.
static uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t way_of(const struct order *order)
{
	uint64_t way = 0;

	for (size_t i = 0; i < order->count; i++)
		way = FLOOD_FOLD(way,
				 order->steps[i].value + (order->steps[i].second ? UPGRADE : 0));
	return way;
}

static void order_first(struct order *order)
{
	*order = (struct order){.count = LENGTH};
	for (unsigned i = 0; i < LENGTH; i++)
		order->steps[i] = (struct step){.id = i + 1, .value = i + 1};
}

static void order_shuffle(struct order *order, uint64_t *dice)
{
	for (size_t i = order->count; i > 1; i--) {
		size_t k = chance(dice) % i;
		struct step was = order->steps[i - 1];

		order->steps[i - 1] = order->steps[k];
		order->steps[k] = was;
	}
}

static bool order_has(const struct order *order, unsigned id)
{
	for (size_t i = 0; i < order->count; i++)
		if (order->steps[i].id == id)
			return true;
	return false;
}

static void order_insert(struct order *order, uint64_t *dice)
{
	unsigned id = STEADY + 1;

	while (order_has(order, id))
		id++;
	assert_true(id <= IDS);
	if (order->count == LENGTH_MAX)
		return;
	order->steps[order->count++] = (struct step){.id = id, .value = id};
	order_shuffle(order, dice);
}

static void order_remove(struct order *order)
{
	for (size_t i = 0; i < order->count && order->count > LENGTH_MIN; i++)
		if (order->steps[i].id > STEADY) {
			order->steps[i] = order->steps[--order->count];
			return;
		}
}

// Always another order; and in turn one member more, one less, another version of one, another value in a map of one.
static void order_change(struct order *order, unsigned long turn, uint64_t *dice)
{
	struct step *one;

	order_shuffle(order, dice);
	one = &order->steps[chance(dice) % order->count];
	switch (turn % 6) {
	case 1:
		order_insert(order, dice);
		break;
	case 2:
		one->second = !one->second;
		break;
	case 3:
		order_remove(order);
		break;
	case 4:
		one->value = one->id + (unsigned)(chance(dice) % 9) * 50;
		break;
	default:
		break;
	}
}

// ---- the chain ----

static const char *const entries[][2] = {
	{"wrapped", "wrapped2"}, {"jumping", "jumping2"}, {"owning", "owning2"}};
static const enum linkage linkages[] = {LINK_WRAP, LINK_CHAIN, LINK_OWN_MAP};

static const char *object_of(enum hook hook)
{
	return hook == HOOK_XDP ? "flood_xdp.bpf.o" : "flood_tc.bpf.o";
}

static struct member member_of(const struct step *step, enum hook hook)
{
	unsigned kind = step->id % 3;
	char name[32], maps[64];

	snprintf(name, sizeof(name), "t/%u", step->id);
	snprintf(maps, sizeof(maps), "{\"own_id\":[{\"key\":0,\"value\":%u}]}", step->value);
	return ground_member(name, object_of(hook), entries[kind][step->second], hook,
			     linkages[kind], maps);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void must(int bad, const struct fault *why)
{
	if (!bad)
		return;
	fault_print(why, stderr);
	fail_msg("the chain was not changed");
}

static void scene_apply(struct scene *scene, const struct order *order)
{
	struct member members[LENGTH_MAX];
	OWNED(chain_drop) struct chain *chain = NULL;
	struct chain_spec spec;
	struct fault why = {0};
	int64_t start;

	for (size_t i = 0; i < order->count; i++)
		members[i] = member_of(&order->steps[i], scene->hook);
	spec = ground_spec(&scene->ground, members, order->count);
	spec.wish = scene->wish;
	must(chain_build(&spec, &chain, &why), &why);
	flood_watch_allow(&scene->watch, way_of(order));
	start = now_us();
	must(chain_commit(chain, &why), &why);
	if (scene->switches_us)
		scene->switches_us[scene->switched++] = now_us() - start;
	must(chain_settle(chain, &why), &why);
	flood_watch_only(&scene->watch, way_of(order));
	for (size_t i = 0; i < order->count; i++)
		member_drop(&members[i]);
}

// No jump fell through, and all is as it was put.
static void scene_is_whole(const struct scene *scene, const struct order *order)
{
	struct truth truth;
	struct fault why = {0};

	must(truth_read(scene->ground.tree, GROUND_IFACE, scene->hook, &truth, &why), &why);
	assert_int_equal(truth.fell, 0);
	assert_true(truth.linked && truth.entered);
	assert_int_equal(truth.count, order->count);
	for (size_t i = 0; i < truth.count; i++)
		assert_int_equal(truth.members[i].fell, 0);
}

static uint64_t marked_by(const struct scene *scene, unsigned id)
{
	char place[BPFFS_PATH_MAX], path[BPFFS_PATH_MAX];
	OWNED(drop_fd) int fd = -1;
	struct fault why = {0};
	uint32_t zero = 0;
	uint64_t count = 0;

	must(bpffs_place(scene->ground.tree, GROUND_IFACE, scene->hook, place, &why), &why);
	snprintf(path, sizeof(path), "%.400s/maps/test:t:%u", place, id);
	must(bpffs_get(path, "marked", &fd, &why), &why);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &count), 0);
	return count;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static const char *sender_side(enum hook hook)
{
	return hook == HOOK_TC_EGRESS ? GROUND_IFACE : "peer0";
}

static void say(const struct scene *scene, const char *how, unsigned long changes, uint64_t sent,
		const struct flood_tally *tally)
{
	print_message("%s%s: %lu changes, %llu frames sent, %llu seen, %llu misrouted, "
		      "%llu astray, processors %llx\n",
		      hook_name(scene->hook), how, changes, (unsigned long long)sent, tally->seen,
		      tally->misrouted, tally->astray, tally->cpus);
}

// The first chain, and who watches behind it.
static void scene_begin(struct scene *scene, const struct order *order)
{
	struct flood_watch *watch = &scene->watch;

	if (scene->wish.tc == NODE_TC_CLSACT)
		flood_watch_up_clsact(watch, GROUND_IFACE, scene->hook);
	else
		flood_watch_up(watch, GROUND_IFACE, scene->hook);
	scene_apply(scene, order);
}

static void flooded(struct scene *scene)
{
	const unsigned long changes = asked("FLOOD_CHANGES", 30),
			    packets = asked("FLOOD_PACKETS", 200000);
	uint64_t dice = 0x9e3779b97f4a7c15ull + (uint64_t)scene->hook, sent;
	struct flood_tally tally;
	struct order order;

	order_first(&order);
	scene_begin(scene, &order);
	scene->switches_us = calloc(changes, sizeof(*scene->switches_us));
	assert_non_null(scene->switches_us);
	flood_send_start(&scene->send, sender_side(scene->hook));
	for (unsigned long turn = 0; turn < changes; turn++) {
		order_change(&order, turn, &dice);
		scene_apply(scene, &order);
		scene_is_whole(scene, &order);
	}
	while (flood_watch_tally(&scene->watch).seen < packets)
		usleep(1000);
	sent = flood_send_stop(&scene->send);
	tally = flood_watch_drain(&scene->watch, sent);
	say(scene, "", changes, sent, &tally);
	qsort(scene->switches_us, changes, sizeof(*scene->switches_us), by_size);
	print_message("the switch itself: median %lld us, longest %lld us\n",
		      (long long)scene->switches_us[changes / 2],
		      (long long)scene->switches_us[changes - 1]);
	assert_int_equal(tally.seen, sent);
	assert_int_equal(tally.misrouted, 0);
	assert_int_equal(tally.astray, 0);
	assert_true(sent >= packets);
	assert_true(get_nprocs() < 2 || (tally.cpus & (tally.cpus - 1)));
	for (unsigned id = 1; id <= STEADY; id++)
		assert_int_equal(marked_by(scene, id), sent);
}

static void thirty_programs_change_under_a_flood_on_xdp(void **state)
{
	flooded(the_scene(state, HOOK_XDP));
}

static void thirty_programs_change_under_a_flood_on_tc_ingress(void **state)
{
	flooded(the_scene(state, HOOK_TC_INGRESS));
}

static void thirty_programs_change_under_a_flood_on_tc_egress(void **state)
{
	flooded(the_scene(state, HOOK_TC_EGRESS));
}

static void thirty_programs_change_under_a_flood_on_clsact(void **state)
{
	struct scene *scene = the_scene(state, HOOK_TC_INGRESS);

	scene->wish.tc = NODE_TC_CLSACT;
	flooded(scene);
}

// ---- the control ----

// A chain as collections of L3AF's kind link it: each program owns a map with the next one, written one after the other.
struct in_place {
	struct object *objects[LENGTH], *root, *end;
	int nexts[LENGTH];
	int root_next, link_fd;
};

// The root, as a filter where the kernel has no TCX: it goes with the interface.
static void in_place_attach(struct in_place *chain, enum hook hook)
{
	const uint32_t ifindex = if_nametoindex(GROUND_IFACE);
	const int root = object_program_fd(chain->root);
	struct fault why = {0};

	chain->link_fd = -1;
	if (hook == HOOK_XDP || sys_has_tcx(ifindex)) {
		chain->link_fd = sys_attach(root, ifindex, hook, SYS_NATIVE);
		assert_true(chain->link_fd >= 0);
		return;
	}
	flood_qdisc(GROUND_IFACE);
	assert_int_equal(filter_add(ifindex, hook, root, &why), 0);
}

static void in_place_up(struct in_place *chain, enum hook hook)
{
	const char *root = hook == HOOK_XDP ? "root_xdp.bpf.o" : "root_tc.bpf.o",
		   *end = hook == HOOK_XDP ? "end_xdp.bpf.o" : "end_tc.bpf.o";
	uint32_t zero = 0;

	for (uint32_t i = 0; i < LENGTH; i++) {
		uint32_t id = i + 1;
		int ids;

		chain->objects[i] = ground_object(object_of(hook), "owning", hook);
		chain->nexts[i] = ground_object_map(chain->objects[i], "own_next");
		ids = ground_object_map(chain->objects[i], "own_id");
		assert_int_equal(bpf_map_update_elem(ids, &zero, &id, BPF_ANY), 0);
	}
	chain->end = ground_object(end, "bpfseal_end", hook);
	chain->root = ground_object(root, "bpfseal_root", hook);
	chain->root_next = ground_object_map(chain->root, "root_array");
	in_place_attach(chain, hook);
}

static void in_place_down(struct in_place *chain)
{
	drop_fd(&chain->link_fd);
	for (size_t i = 0; i < LENGTH; i++)
		object_free(chain->objects[i]);
	object_free(chain->root);
	object_free(chain->end);
}

static void slot_put(int array, const struct object *program)
{
	int fd = object_program_fd(program);
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(array, &zero, &fd, BPF_ANY), 0);
}

static void in_place_link(const struct in_place *chain, const struct order *order)
{
	int from = chain->root_next;

	for (size_t i = 0; i < order->count; i++) {
		slot_put(from, chain->objects[order->steps[i].id - 1]);
		from = chain->nexts[order->steps[i].id - 1];
	}
	slot_put(from, chain->end);
}

static bool caught(const struct scene *scene)
{
	struct flood_tally tally = flood_watch_tally(&scene->watch);

	return tally.misrouted && tally.astray;
}

static void in_place(struct scene *scene)
{
	const unsigned long changes = asked("FLOOD_CONTROL", 30);
	uint64_t dice = 0x9e3779b97f4a7c15ull, sent;
	struct flood_tally tally;
	struct in_place chain;
	struct fault why = {0};
	struct order order;

	order_first(&order);
	in_place_up(&chain, scene->hook);
	in_place_link(&chain, &order);
	flood_watch_up(&scene->watch, GROUND_IFACE, scene->hook);
	flood_watch_only(&scene->watch, way_of(&order));
	flood_send_start(&scene->send, sender_side(scene->hook));
	// On a slow machine it may take a while until one is caught.
	for (unsigned long i = 0; i < changes || (i < 100 * changes && !caught(scene)); i++) {
		order_shuffle(&order, &dice);
		flood_watch_allow(&scene->watch, way_of(&order));
		in_place_link(&chain, &order);
		must(sys_grace(&why), &why);
		flood_watch_only(&scene->watch, way_of(&order));
	}
	sent = flood_send_stop(&scene->send);
	tally = flood_watch_drain(&scene->watch, sent);
	say(scene, ", in place", changes, sent, &tally);
	assert_true(tally.misrouted > 0);
	assert_true(tally.seen < sent && tally.astray > 0);
	in_place_down(&chain);
}

static void the_same_checks_see_what_a_switch_in_place_does_on_xdp(void **state)
{
	in_place(the_scene(state, HOOK_XDP));
}

static void the_same_checks_see_what_a_switch_in_place_does_on_tc(void **state)
{
	in_place(the_scene(state, HOOK_TC_INGRESS));
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(thirty_programs_change_under_a_flood_on_xdp),
		ON_GROUND(thirty_programs_change_under_a_flood_on_tc_ingress),
		ON_GROUND(thirty_programs_change_under_a_flood_on_tc_egress),
		ON_GROUND(thirty_programs_change_under_a_flood_on_clsact),
		ON_GROUND(the_same_checks_see_what_a_switch_in_place_does_on_xdp),
		ON_GROUND(the_same_checks_see_what_a_switch_in_place_does_on_tc),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
