// SPDX-License-Identifier: Apache-2.0
// Probes in a real kernel: they ride along with a chain's member or alone, on its maps, and go when it goes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/events.h"
#include "loader/finding.h"
#include "loader/object.h"
#include "loader/record.h"
#include "tests/kernel/ground.h"

#define PASS	2
#define GETPGID "syscalls/sys_enter_getpgid"

struct world {
	struct ground ground;
	struct events *events;
	char tracefs[96];
};

static bool ready;

static int up(void **state)
{
	static const char *const patterns[] = {"syscalls/sys_enter_getpg*"};
	static struct world world;
	struct fault why = {0};

	if (!ready)
		return 0;
	ground_up(&world.ground);
	world.ground.policy.groups[HELPERS_TRACING] = true;
	world.ground.policy.probes_any = true;
	snprintf(world.tracefs, sizeof(world.tracefs), "%s/tracing", world.ground.root);
	ground_sh("mkdir %s", world.tracefs);
	assert_int_equal(mount("tracefs", world.tracefs, "tracefs", 0, NULL), 0);
	if (events_read(world.tracefs, patterns, 1, &world.events, &why))
		fail_msg("%s", why.text);
	*state = &world;
	return 0;
}

static int down(void **state)
{
	struct world *world = *state;

	if (!world)
		return 0;
	events_drop(&world->events);
	umount(world->tracefs);
	ground_down(&world->ground);
	return 0;
}

static struct world *the_world(void **state)
{
	if (!ready)
		skip();
	return *state;
}

static struct manifest_program probe(const char *entry, enum probe_kind kind, const char *target)
{
	return (struct manifest_program){.object = strdup("probes.bpf.o"),
					 .entry = strdup(entry),
					 .hook = HOOK_PROBE,
					 .probe = kind,
					 .target = strdup(target)};
}

// A member of the test object: its program of packets with `probes` beside it, or with hook HOOK_PROBE they alone.
static struct member member_with(enum hook hook, const struct manifest_program *probes,
				 size_t count)
{
	struct member member =
		ground_member("net/both", "probes.bpf.o", "packets", hook, LINK_WRAP, NULL);
	struct manifest *manifest = member.manifest;
	size_t first = hook == HOOK_PROBE ? 0 : 1;
	char whose[80];

	if (hook == HOOK_PROBE) {
		free(manifest->programs[0].object);
		free(manifest->programs[0].entry);
	}
	manifest->programs =
		reallocarray(manifest->programs, first + count, sizeof(*manifest->programs));
	assert_non_null(manifest->programs);
	for (size_t i = 0; i < count; i++)
		manifest->programs[first + i] = probes[i];
	manifest->program_count = first + count;
	member.program = &manifest->programs[0];
	json_free(member.maps);
	snprintf(whose, sizeof(whose), "{\"whose\":[{\"key\":0,\"value\":%d}]}", getpid());
	assert_int_equal(json_parse(whose, strlen(whose), "maps", &member.maps, &(struct fault){0}),
			 0);
	return member;
}

static struct chain_spec spec_of(const struct world *world, const struct member *members)
{
	struct chain_spec spec = ground_spec(&world->ground, members, 1);

	spec.events = world->events;
	if (spec.hook == HOOK_PROBE)
		spec.iface = NODE_PROBES;
	return spec;
}

static struct json *applied(const struct world *world, const struct member *members)
{
	struct chain_spec spec = spec_of(world, members);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct json *record = NULL;
	struct fault why = {0};

	if (chain_build(&spec, &chain, &why) || chain_commit(chain, &why) ||
	    chain_settle(chain, &why) || record_of(&spec, chain, &record, &why)) {
		fault_print(&why, stderr);
		fail_msg("not applied");
	}
	return record;
}

// Where the events of a chain's probes are counted.
static int map_of(const struct world *world, enum hook hook)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	struct fault why = {0};
	int fd = -1;

	if (bpffs_place(world->ground.tree, hook == HOOK_PROBE ? NODE_PROBES : GROUND_IFACE, hook,
			place, &why) ||
	    bpffs_join(place, "maps", maps, &why) || bpffs_join(maps, "test:net:both", dir, &why) ||
	    bpffs_get(dir, "seen", &fd, &why))
		fail_msg("%s", why.text);
	return fd;
}

static uint64_t count_in(int map)
{
	uint32_t zero = 0;
	uint64_t count;

	assert_int_equal(bpf_map_lookup_elem(map, &zero, &count), 0);
	return count;
}

static uint64_t seen(const struct world *world, enum hook hook)
{
	OWNED(drop_fd) int map = map_of(world, hook);

	return count_in(map);
}

static void call(size_t times)
{
	while (times--)
		(void)!getpgid(0);
}

// What was removed is let go of a little later: the kernel waits for those who may still look at it. Calls until each is
// counted as often as it should be, and returns the count then.
static uint64_t let_go(int map, uint64_t each)
{
	uint64_t before, after;

	for (int i = 0; i < 6000; i++) {
		before = count_in(map);
		call(1);
		after = count_in(map);
		if (after == before + each)
			return after;
		usleep(10000);
	}
	fail_msg("each call is counted %llu times", (unsigned long long)(after - before));
	return 0;
}

static void fork_once(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

static struct truth the_truth(const struct world *world, enum hook hook)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(world->ground.tree, hook == HOOK_PROBE ? NODE_PROBES : GROUND_IFACE, hook,
		       &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

static void a_companion_counts_events_in_the_map_of_its_packets(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {
		probe("calls", PROBE_TRACEPOINT, GETPGID),
		probe("forks", PROBE_RAW_TRACEPOINT, "sched_process_fork")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 2);
	OWNED(json_drop) struct json *record = applied(world, &member);
	char way[GROUND_WAY];

	call(3);
	fork_once();
	assert_int_equal(ground_run(&world->ground, way), PASS);
	assert_int_equal(seen(world, HOOK_XDP), 1103);
	assert_int_equal(the_truth(world, HOOK_XDP).members[0].probes, 2);
	assert_int_equal(
		json_int(json_member(json_item(json_member(record, "members"), 0), "probes")), 2);
}

static void a_probe_runs_alone_and_survives_its_loader(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("calls", PROBE_TRACEPOINT, GETPGID)};
	OWNED(member_drop) struct member member = member_with(HOOK_PROBE, probes, 1);
	OWNED(json_drop) struct json *record = applied(world, &member);
	struct findings findings = {0};
	struct truth truth = the_truth(world, HOOK_PROBE);
	struct fault why = {0};

	call(5);
	assert_int_equal(seen(world, HOOK_PROBE), 5);
	assert_int_equal(truth.members[0].probes, 1);
	assert_int_equal(findings_damage(&findings, NODE_PROBES, HOOK_PROBE, &truth, record, &why),
			 0);
	assert_int_equal(findings.count, 0);
	findings_drop(&findings);
}

static void a_new_generation_keeps_the_counts_and_takes_the_old_probes_off(void **state)
{
	struct world *world = the_world(state);
	uint64_t last = 0;

	for (int round = 1; round <= 3; round++) {
		struct manifest_program probes[] = {probe("calls", PROBE_TRACEPOINT, GETPGID)};
		OWNED(member_drop) struct member member = member_with(HOOK_PROBE, probes, 1);

		OWNED(drop_fd) int map = -1;
		uint64_t now;

		json_free(applied(world, &member));
		map = map_of(world, HOOK_PROBE);
		assert_true(count_in(map) >= last);
		now = let_go(map, 1);
		call(2);
		last = count_in(map);
		assert_int_equal(last, now + 2);
	}
}

static void removed_probes_see_nothing_any_more(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("calls", PROBE_TRACEPOINT, GETPGID)};
	OWNED(member_drop) struct member member = member_with(HOOK_PROBE, probes, 1);
	char place[BPFFS_PATH_MAX];
	OWNED(drop_fd) int map = -1;
	struct fault why = {0};
	uint64_t count;

	json_free(applied(world, &member));
	map = map_of(world, HOOK_PROBE);
	if (bpffs_place(world->ground.tree, NODE_PROBES, HOOK_PROBE, place, &why) ||
	    chain_remove(place, &why))
		fail_msg("%s", why.text);
	count = let_go(map, 0);
	call(4);
	assert_int_equal(count_in(map), count);
	assert_int_equal(the_truth(world, HOOK_PROBE).generation, 0);
}

static void a_lost_probe_is_a_finding(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("calls", PROBE_TRACEPOINT, GETPGID)};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);
	OWNED(json_drop) struct json *record = applied(world, &member);
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;

	ground_sh("rm %s/" GROUND_IFACE "/xdp/gen-1/probes/0-1", world->ground.tree);
	truth = the_truth(world, HOOK_XDP);
	assert_int_equal(findings_damage(&findings, GROUND_IFACE, HOOK_XDP, &truth, record, &why),
			 0);
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.list[0].code, "probe_missing");
	findings_drop(&findings);
}

// Refused while the chain is built: nothing has been entered, and nothing of it stays.
static void refused(const struct world *world, struct member *member, const char *word)
{
	struct chain_spec spec = spec_of(world, member);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	if (why.code != FAULT_KERNEL || !strstr(why.cause, word)) {
		fault_print(&why, stderr);
		fail_msg("refused in other words than \"%s\"", word);
	}
	assert_int_equal(the_truth(world, HOOK_XDP).generation, 0);
}

static void an_event_that_this_kernel_lacks_refuses_the_whole_chain(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("calls", PROBE_TRACEPOINT, GETPGID),
					    probe("forks", PROBE_RAW_TRACEPOINT, "no_such_event")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 2);

	refused(world, &member, "no_such_event");
	call(1);
}

static void a_tracepoint_that_was_not_allowed_has_no_number(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {
		probe("calls", PROBE_TRACEPOINT, "sched/sched_process_exec")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);

	refused(world, &member, "sched/sched_process_exec");
}

static void a_typed_probe_of_no_event_is_refused(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("typed_forks", PROBE_TP_BTF, "no_such_event")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);

	refused(world, &member, "no_such_event");
}

// What this kernel can do decides which of the two is seen here; both are told.
static void kprobes_work_or_are_refused_clearly(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("naps", PROBE_KPROBE, "do_nanosleep")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);

	if (access("/sys/bus/event_source/devices/kprobe/type", F_OK)) {
		refused(world, &member, "no kprobes");
		return;
	}
	json_free(applied(world, &member));
	usleep(1);
	assert_true(seen(world, HOOK_XDP) >= 1);
}

static void fentries_work_or_are_refused_clearly(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {probe("entered", PROBE_FENTRY, "do_nanosleep")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);
	struct chain_spec spec = spec_of(world, &member);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};
	char all[2 * FAULT_TEXT_MAX + 2];

	if (chain_build(&spec, &chain, &why)) {
		assert_int_equal(why.code, FAULT_KERNEL);
		snprintf(all, sizeof(all), "%s: %s", why.text, why.cause);
		if (!strstr(all, "this kernel refuses to load probes of kind fentry"))
			fail_msg("%s", all);
		assert_int_equal(the_truth(world, HOOK_XDP).generation, 0);
		return;
	}
	assert_int_equal(chain_commit(chain, &why), 0);
	assert_int_equal(chain_settle(chain, &why), 0);
	usleep(1);
	assert_true(seen(world, HOOK_XDP) >= 1);
}

static void a_typed_probe_works_or_is_refused_clearly(void **state)
{
	struct world *world = the_world(state);
	struct manifest_program probes[] = {
		probe("typed_forks", PROBE_TP_BTF, "sched_process_fork")};
	OWNED(member_drop) struct member member = member_with(HOOK_XDP, probes, 1);
	struct chain_spec spec = spec_of(world, &member);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	if (chain_build(&spec, &chain, &why)) {
		assert_int_equal(why.code, FAULT_KERNEL);
		fprintf(stderr, "this kernel: %s\n", why.text);
		assert_int_equal(the_truth(world, HOOK_XDP).generation, 0);
		return;
	}
	assert_int_equal(chain_commit(chain, &why), 0);
	assert_int_equal(chain_settle(chain, &why), 0);
	fork_once();
	assert_int_equal(seen(world, HOOK_XDP), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_companion_counts_events_in_the_map_of_its_packets,
						up, down),
		cmocka_unit_test_setup_teardown(a_probe_runs_alone_and_survives_its_loader, up,
						down),
		cmocka_unit_test_setup_teardown(
			a_new_generation_keeps_the_counts_and_takes_the_old_probes_off, up, down),
		cmocka_unit_test_setup_teardown(removed_probes_see_nothing_any_more, up, down),
		cmocka_unit_test_setup_teardown(a_lost_probe_is_a_finding, up, down),
		cmocka_unit_test_setup_teardown(
			an_event_that_this_kernel_lacks_refuses_the_whole_chain, up, down),
		cmocka_unit_test_setup_teardown(a_tracepoint_that_was_not_allowed_has_no_number, up,
						down),
		cmocka_unit_test_setup_teardown(a_typed_probe_of_no_event_is_refused, up, down),
		cmocka_unit_test_setup_teardown(kprobes_work_or_are_refused_clearly, up, down),
		cmocka_unit_test_setup_teardown(fentries_work_or_are_refused_clearly, up, down),
		cmocka_unit_test_setup_teardown(a_typed_probe_works_or_is_refused_clearly, up,
						down),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
