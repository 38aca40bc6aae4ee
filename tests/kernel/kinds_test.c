// SPDX-License-Identifier: Apache-2.0
// The four kinds of members, freely mixed: each first, in the middle and last, every pair and every three, and longer mixes
// by chance, on XDP, TC ingress and TC egress, with frames over a real veth. Each member notes the way that a frame had
// come when it saw it, so that order is checked at every place, also where a verdict ends the chain.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/truth.h"
#include "tests/kernel/flood_send.h"
#include "tests/kernel/flood_watch.h"
#include "tests/kernel/ground.h"

#define LENGTH_MAX 20
#define FRAMES	   3
#define PASSES	   (-1000) // a verdict: whatever lets the packet go on
#define INTERFACES 3

struct place {
	enum linkage linkage;
	unsigned id;
	int verdict;
};

struct mix {
	struct place places[LENGTH_MAX];
	size_t count;
};

static const enum hook hooks[] = {HOOK_XDP, HOOK_TC_INGRESS, HOOK_TC_EGRESS};

static void must(int bad, const struct fault *why)
{
	if (!bad)
		return;
	fault_print(why, stderr);
	fail_msg("refused");
}

// ---- chains ----

static int passing(enum hook hook)
{
	return hook == HOOK_XDP ? XDP_PASS : TC_ACT_UNSPEC;
}

static int verdict_of(const struct place *place, enum hook hook)
{
	return place->verdict == PASSES ? passing(hook) : place->verdict;
}

static int dropping(enum hook hook)
{
	return hook == HOOK_XDP ? XDP_DROP : TC_ACT_SHOT;
}

static struct member member_of(const struct place *place, size_t index, enum hook hook)
{
	static const char *const entries[] = {[LINK_WRAP] = "plain",
					      [LINK_CHAIN] = "jumping",
					      [LINK_OWN_MAP] = "owning",
					      [LINK_TERMINAL] = "plain"};
	char name[32], maps[128];

	snprintf(name, sizeof(name), "t/%zu", index);
	snprintf(maps, sizeof(maps),
		 "{\"told\":[{\"key\":0,\"value\":%u},{\"key\":1,\"value\":%d}]}", place->id,
		 verdict_of(place, hook));
	return ground_member(name, hook == HOOK_XDP ? "kinds_xdp.bpf.o" : "kinds_tc.bpf.o",
			     entries[place->linkage], hook, place->linkage, maps);
}

static void members_of(const struct mix *mix, enum hook hook, struct member *members)
{
	for (size_t i = 0; i < mix->count; i++)
		members[i] = member_of(&mix->places[i], i, hook);
}

static void members_give_back(const struct mix *mix, struct member *members)
{
	for (size_t i = 0; i < mix->count; i++)
		member_drop(&members[i]);
}

static void apply(const struct ground *ground, const char *iface, struct member *members,
		  size_t count)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	spec.iface = iface;
	must(chain_build(&spec, &chain, &why) || chain_commit(chain, &why) ||
		     chain_settle(chain, &why),
	     &why);
}

static void apply_mix(const struct ground *ground, const char *iface, const struct mix *mix,
		      enum hook hook)
{
	struct member members[LENGTH_MAX];

	members_of(mix, hook, members);
	apply(ground, iface, members, mix->count);
	members_give_back(mix, members);
}

static void take_out(const struct ground *ground, const char *iface, enum hook hook)
{
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	must(bpffs_place(ground->tree, iface, hook, place, &why) || chain_remove(place, &why),
	     &why);
}

// ---- what was seen ----

static uint64_t noted(const struct ground *ground, const char *iface, enum hook hook, size_t index,
		      uint32_t slot)
{
	char place[BPFFS_PATH_MAX], path[BPFFS_PATH_MAX];
	OWNED(drop_fd) int fd = -1;
	struct fault why = {0};
	uint64_t value = 0;

	must(bpffs_place(ground->tree, iface, hook, place, &why), &why);
	snprintf(path, sizeof(path), "%.400s/maps/test:t:%zu", place, index);
	must(bpffs_get(path, "noted", &fd, &why), &why);
	assert_int_equal(bpf_map_lookup_elem(fd, &slot, &value), 0);
	return value;
}

// The verdict of one frame by the kernel's test-run of the attached root.
static int verdict_now(const struct ground *ground, const char *iface, enum hook hook)
{
	struct flood_frame frame = {.dest = (uint16_t)(FLOOD_PORT << 8 | FLOOD_PORT >> 8)};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	char place[BPFFS_PATH_MAX], path[BPFFS_PATH_MAX];
	OWNED(drop_fd) int root = -1;
	struct fault why = {0};

	must(bpffs_place(ground->tree, iface, hook, place, &why), &why);
	snprintf(path, sizeof(path), "%.400s/root-1", place);
	must(bpffs_get(path, "prog", &root, &why), &why);
	frame.eth[12] = 8;
	assert_int_equal(bpf_prog_test_run_opts(root, &opts), 0);
	return (int)opts.retval;
}

static const char *sender_of(enum hook hook, const char *iface, const char *peer)
{
	return hook == HOOK_TC_EGRESS ? iface : peer;
}

// Waits, at most a minute, until a member has seen so many.
static void until(const struct ground *ground, const char *iface, enum hook hook, size_t index,
		  uint64_t frames)
{
	for (int i = 0; i < 6000 && noted(ground, iface, hook, index, 0) < frames; i++)
		usleep(10000);
}

// How many frames each member has seen so far: maps outlive generations.
static void so_far(const struct ground *ground, const char *iface, const struct mix *mix,
		   enum hook hook, uint64_t seen[LENGTH_MAX])
{
	for (size_t i = 0; i < mix->count; i++)
		seen[i] = noted(ground, iface, hook, i, 0);
}

// Every member up to `last` has seen so many more on the right way, and nobody behind it has seen one. Returns the way there.
static uint64_t each_has_seen(const struct ground *ground, const char *iface, const struct mix *mix,
			      enum hook hook, size_t last, uint64_t way, uint64_t frames,
			      const uint64_t before[LENGTH_MAX])
{
	for (size_t i = 0; i < mix->count; i++) {
		uint64_t seen = noted(ground, iface, hook, i, 0) - before[i];

		if (i <= last)
			way = FLOOD_FOLD(way, mix->places[i].id);
		if (seen != (i <= last ? frames : 0))
			fail_msg("place %zu of %zu on %s saw %llu frames", i + 1, mix->count,
				 hook_name(hook), (unsigned long long)seen);
		if (i <= last)
			assert_int_equal(noted(ground, iface, hook, i, 1), way);
	}
	return way;
}

static void nothing_fell(const struct ground *ground, const char *iface, enum hook hook)
{
	struct truth truth;
	struct fault why = {0};

	must(truth_read(ground->tree, iface, hook, &truth, &why), &why);
	assert_int_equal(truth.fell, 0);
	for (size_t i = 0; i < truth.count; i++)
		assert_int_equal(truth.members[i].fell, 0);
}

struct scene {
	const struct ground *ground;
	enum hook hook;
	struct flood_watch watch;
	uint64_t seq; // of the frames that the watcher has seen, or would have
};

// One chain: built, one test-run, some frames over the wire. It ends at place `last` with `verdict`.
static void runs(struct scene *scene, const struct mix *mix, size_t last, int verdict)
{
	const struct ground *ground = scene->ground;
	bool passes = verdict == passing(scene->hook);
	struct flood_tally before, after;
	uint64_t seen[LENGTH_MAX], seq = scene->seq, way = 0;

	apply_mix(ground, GROUND_IFACE, mix, scene->hook);
	so_far(ground, GROUND_IFACE, mix, scene->hook, seen);
	assert_int_equal(verdict_now(ground, GROUND_IFACE, scene->hook), verdict);
	for (size_t i = 0; i <= last; i++)
		way = FLOOD_FOLD(way, mix->places[i].id);
	flood_watch_only(&scene->watch, way);
	before = flood_watch_tally(&scene->watch);
	flood_send_some(sender_of(scene->hook, GROUND_IFACE, "peer0"), FRAMES, &seq);
	after = flood_watch_drain(&scene->watch, before.seen + (passes ? FRAMES : 0));
	until(ground, GROUND_IFACE, scene->hook, last, seen[last] + 1 + FRAMES);
	each_has_seen(ground, GROUND_IFACE, mix, scene->hook, last, 0, 1 + FRAMES, seen);
	assert_int_equal(after.seen, before.seen + (passes ? FRAMES : 0));
	assert_int_equal(after.misrouted, 0);
	assert_int_equal(after.astray, 0);
	scene->seq = passes ? seq : scene->seq;
	nothing_fell(ground, GROUND_IFACE, scene->hook);
}

// ---- the matrix ----

static const enum linkage goes_on[] = {LINK_WRAP, LINK_CHAIN, LINK_OWN_MAP};
static const enum linkage any[] = {LINK_WRAP, LINK_CHAIN, LINK_OWN_MAP, LINK_TERMINAL};

// Passes to its end; and then, with the last one dropping; each ends as its last member says.
static void passes_and_drops(struct scene *scene, struct mix *mix)
{
	struct place *last = &mix->places[mix->count - 1];

	runs(scene, mix, mix->count - 1, passing(scene->hook));
	last->verdict = dropping(scene->hook);
	runs(scene, mix, mix->count - 1, last->verdict);
	last->verdict = PASSES;
}

static void every_kind_alone_and_every_pair(struct scene *scene)
{
	for (size_t b = 0; b < 4; b++) {
		struct mix mix = {.places = {{any[b], 7, PASSES}}, .count = 1};

		passes_and_drops(scene, &mix);
		for (size_t a = 0; a < 3; a++) {
			mix = (struct mix){
				.places = {{goes_on[a], 11, PASSES}, {any[b], 12, PASSES}},
				.count = 2};
			passes_and_drops(scene, &mix);
		}
	}
}

static void every_three(struct scene *scene)
{
	for (size_t i = 0; i < 36; i++) {
		struct mix mix = {.places = {{goes_on[i % 3], 21, PASSES},
					     {goes_on[i / 3 % 3], 22, PASSES},
					     {any[i / 9], 23, PASSES}},
				  .count = 3};

		runs(scene, &mix, 2, passing(scene->hook));
		// The one in the middle may end it, too.
		mix.places[1].verdict = dropping(scene->hook);
		runs(scene, &mix, 1, mix.places[1].verdict);
	}
}

static void long_mixes(struct scene *scene)
{
	uint32_t dice = 12345;

	for (size_t turn = 0; turn < 6; turn++) {
		struct mix mix = {.count = 5 + 3 * turn};

		for (size_t i = 0; i < mix.count; i++) {
			dice = dice * 1664525 + 1013904223;
			mix.places[i] = (struct place){i + 1 < mix.count ? goes_on[(dice >> 16) % 3]
									 : any[(dice >> 16) % 4],
						       (unsigned)(100 + i), PASSES};
		}
		runs(scene, &mix, mix.count - 1, passing(scene->hook));
	}
}

static void every_mix(const struct ground *ground, enum hook hook)
{
	struct scene scene = {.ground = ground, .hook = hook};

	flood_watch_up(&scene.watch, GROUND_IFACE, hook);
	every_kind_alone_and_every_pair(&scene);
	every_three(&scene);
	long_mixes(&scene);
	flood_watch_down(&scene.watch);
}

static void every_mix_runs_on_xdp(void **state)
{
	every_mix(the_ground(state), HOOK_XDP);
}

static void every_mix_runs_on_tc_ingress(void **state)
{
	every_mix(the_ground(state), HOOK_TC_INGRESS);
}

static void every_mix_runs_on_tc_egress(void **state)
{
	every_mix(the_ground(state), HOOK_TC_EGRESS);
}

static void what_never_goes_on_can_only_stand_last(void **state)
{
	const struct ground *ground = the_ground(state);
	const struct mix mix = {.places = {{LINK_WRAP, 1, PASSES},
					   {LINK_TERMINAL, 2, PASSES},
					   {LINK_WRAP, 3, PASSES}},
				.count = 3};

	for (size_t h = 0; h < 3; h++) {
		struct member members[LENGTH_MAX];
		OWNED(chain_drop) struct chain *chain = NULL;
		struct chain_spec spec;
		struct fault why = {0};

		members_of(&mix, hooks[h], members);
		spec = ground_spec(ground, members, mix.count);
		assert_int_equal(chain_build(&spec, &chain, &why), -1);
		assert_int_equal(why.code, FAULT_CONFIG);
		assert_non_null(strstr(why.text, "only be the last"));
		members_give_back(&mix, members);
	}
}

// ---- which verdicts go on ----

// A wrapped program says `verdict` in the middle, and its manifest that these go on.
static void goes_on_if_listed(const struct ground *ground, enum hook hook, const int32_t *list,
			      size_t count, int verdict)
{
	const struct mix mix = {
		.places = {{LINK_WRAP, 1, PASSES}, {LINK_WRAP, 2, verdict}, {LINK_WRAP, 3, PASSES}},
		.count = 3};
	struct member members[LENGTH_MAX];
	uint64_t seen[LENGTH_MAX];
	bool listed = false;

	members_of(&mix, hook, members);
	for (size_t i = 0; i < count; i++) {
		members[1].manifest->programs[0].continue_on[i] = list[i];
		listed |= list[i] == verdict;
	}
	members[1].manifest->programs[0].continue_count = count;
	apply(ground, GROUND_IFACE, members, mix.count);
	so_far(ground, GROUND_IFACE, &mix, hook, seen);
	assert_int_equal(verdict_now(ground, GROUND_IFACE, hook), listed ? passing(hook) : verdict);
	each_has_seen(ground, GROUND_IFACE, &mix, hook, listed ? 2 : 1, 0, 1, seen);
	members_give_back(&mix, members);
}

static void just_the_verdicts_that_are_listed_go_on(void **state)
{
	static const int32_t xdp_lists[][5] = {
		{XDP_PASS},
		{XDP_DROP},
		{XDP_ABORTED, XDP_TX},
		{XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT}};
	static const size_t xdp_counts[] = {1, 1, 2, 5};
	static const int32_t tc_lists[][5] = {
		{TC_ACT_OK, TC_ACT_UNSPEC, TC_ACT_PIPE},
		{TC_ACT_SHOT},
		{TC_ACT_UNSPEC},
		{TC_ACT_OK, TC_ACT_RECLASSIFY, TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_REDIRECT}};
	static const size_t tc_counts[] = {3, 1, 1, 5};
	const struct ground *ground = the_ground(state);

	for (size_t i = 0; i < 4; i++) {
		for (int verdict = XDP_ABORTED; verdict <= XDP_REDIRECT; verdict++)
			goes_on_if_listed(ground, HOOK_XDP, xdp_lists[i], xdp_counts[i], verdict);
		for (int verdict = TC_ACT_UNSPEC; verdict <= TC_ACT_REDIRECT; verdict++) {
			goes_on_if_listed(ground, HOOK_TC_INGRESS, tc_lists[i], tc_counts[i],
					  verdict);
			goes_on_if_listed(ground, HOOK_TC_EGRESS, tc_lists[i], tc_counts[i],
					  verdict);
		}
	}
}

// A guard that says DROP and is told to go on lets real frames through.
static void a_drop_that_goes_on_drops_nothing(void **state)
{
	const struct ground *ground = the_ground(state);
	const struct mix mix = {.places = {{LINK_WRAP, 1, XDP_DROP}, {LINK_WRAP, 2, PASSES}},
				.count = 2};
	struct member members[LENGTH_MAX];
	struct flood_watch watch;
	uint64_t seq = 0;

	members_of(&mix, HOOK_XDP, members);
	members[0].manifest->programs[0].continue_on[0] = XDP_DROP;
	apply(ground, GROUND_IFACE, members, mix.count);
	flood_watch_up(&watch, GROUND_IFACE, HOOK_XDP);
	flood_watch_only(&watch, FLOOD_FOLD(FLOOD_FOLD(0, 1), 2));
	flood_send_some("peer0", FRAMES, &seq);
	assert_int_equal(flood_watch_drain(&watch, FRAMES).seen, FRAMES);
	assert_int_equal(flood_watch_tally(&watch).misrouted, 0);
	flood_watch_down(&watch);
	members_give_back(&mix, members);
}

// ---- everywhere at once ----

static void chains_on_every_hook_of_several_interfaces_do_not_touch_each_other(void **state)
{
	const struct ground *ground = the_ground(state);
	static const uint64_t none[LENGTH_MAX];
	struct mix mixes[INTERFACES][3];
	char iface[16], peer[16];
	uint64_t seq = 0, way;

	for (unsigned n = 1; n < INTERFACES; n++)
		ground_sh("ip link add seal%u type veth peer name peer%u && ip link set seal%u up "
			  "&& ip link set peer%u up",
			  n, n, n, n);
	for (unsigned n = 0; n < INTERFACES; n++)
		for (size_t h = 0; h < 3; h++) {
			struct mix *mix = &mixes[n][h];

			snprintf(iface, sizeof(iface), "seal%u", n);
			mix->count = 4 + n + h;
			for (size_t i = 0; i < mix->count; i++)
				mix->places[i] = (struct place){
					goes_on[(i + n + h) % 3],
					(unsigned)(1000 * n + 100 * h + i + 1), PASSES};
			apply_mix(ground, iface, mix, hooks[h]);
		}
	for (unsigned n = 0; n < INTERFACES; n++) {
		snprintf(iface, sizeof(iface), "seal%u", n);
		snprintf(peer, sizeof(peer), "peer%u", n);
		flood_send_some(peer, FRAMES + n, &seq);
		flood_send_some(iface, FRAMES + 10 * n, &seq);
		until(ground, iface, HOOK_TC_INGRESS, mixes[n][1].count - 1, FRAMES + n);
		// What XDP lets in goes on to TC ingress, with its way.
		way = each_has_seen(ground, iface, &mixes[n][0], HOOK_XDP, mixes[n][0].count - 1, 0,
				    FRAMES + n, none);
		each_has_seen(ground, iface, &mixes[n][1], HOOK_TC_INGRESS, mixes[n][1].count - 1,
			      way, FRAMES + n, none);
		each_has_seen(ground, iface, &mixes[n][2], HOOK_TC_EGRESS, mixes[n][2].count - 1, 0,
			      FRAMES + 10 * n, none);
	}
	// One goes; the others run on.
	take_out(ground, "seal1", HOOK_XDP);
	flood_send_some("peer1", 1, &seq);
	flood_send_some("peer2", 1, &seq);
	until(ground, "seal1", HOOK_TC_INGRESS, mixes[1][1].count - 1, FRAMES + 2);
	until(ground, "seal2", HOOK_XDP, mixes[2][0].count - 1, FRAMES + 3);
	each_has_seen(ground, "seal2", &mixes[2][0], HOOK_XDP, mixes[2][0].count - 1, 0, FRAMES + 3,
		      none);
	each_has_seen(ground, "seal1", &mixes[1][1], HOOK_TC_INGRESS, mixes[1][1].count - 1, 0,
		      FRAMES + 2, none);
	for (unsigned n = 1; n < INTERFACES; n++)
		ground_sh("ip link del seal%u", n);
}

// ---- what others' programs taught ----

// In a process of its own, with the capabilities that a node's loader has: without CAP_SYS_ADMIN libbpf takes another way.
static void a_function_that_this_kernel_lacks_is_named(void **state)
{
	const struct ground *ground = the_ground(state);
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		struct member member =
			ground_member("t/n", "needs.bpf.o", "needs", HOOK_XDP, LINK_WRAP, NULL);
		struct chain_spec spec = ground_spec(ground, &member, 1);
		const cap_value_t admin = CAP_SYS_ADMIN;
		cap_t caps = cap_get_proc();
		struct chain *chain = NULL;
		struct fault why = {0};

		if (cap_set_flag(caps, CAP_EFFECTIVE, 1, &admin, CAP_CLEAR) || cap_set_proc(caps) ||
		    !chain_build(&spec, &chain, &why) || why.code != FAULT_KERNEL)
			_exit(1);
		fault_print(&why, stderr);
		_exit(strstr(why.cause, "'bpf_seal_no_such_function'") ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_map_that_asks_to_be_pinned_by_name_is_pinned_in_its_place_alone(void **state)
{
	const struct ground *ground = the_ground(state);
	const struct mix mix = {.places = {{LINK_OWN_MAP, 1, PASSES}, {LINK_WRAP, 2, PASSES}},
				.count = 2};

	apply_mix(ground, GROUND_IFACE, &mix, HOOK_XDP);
	assert_int_equal(access("/sys/fs/bpf/own_next", F_OK), -1);
	ground_sh("test ! -e %s/sys/fs/bpf/own_next", ground->root);
	ground_sh("test -e %s/" GROUND_IFACE "/xdp/maps/test:t:0/own_next", ground->tree);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(every_mix_runs_on_xdp),
		ON_GROUND(every_mix_runs_on_tc_ingress),
		ON_GROUND(every_mix_runs_on_tc_egress),
		ON_GROUND(what_never_goes_on_can_only_stand_last),
		ON_GROUND(just_the_verdicts_that_are_listed_go_on),
		ON_GROUND(a_drop_that_goes_on_drops_nothing),
		ON_GROUND(chains_on_every_hook_of_several_interfaces_do_not_touch_each_other),
		ON_GROUND(a_function_that_this_kernel_lacks_is_named),
		ON_GROUND(a_map_that_asks_to_be_pinned_by_name_is_pinned_in_its_place_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
