// SPDX-License-Identifier: Apache-2.0
// Chains in a real kernel: who sees a packet, in which order, and what stays when something goes wrong.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/fit.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"
#include "tests/kernel/rival.h"

#define PASS 2
#define DROP 1

static struct member ordinary(const char *name, const char *entry)
{
	return ground_member(name, "marks.bpf.o", entry, HOOK_XDP, LINK_WRAP, NULL);
}

static struct truth the_truth(const struct ground *ground)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

static size_t generations(const struct ground *ground)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};
	size_t count = 0;

	if (bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
	    bpffs_numbers(place, "gen", &numbers, &count, &why))
		fail_msg("%s", why.text);
	return count;
}

// ---- order and verdicts ----

static void ordinary_programs_run_in_the_order_of_the_chain(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/c", "mark3"), ordinary("t/a", "mark1"),
				   ordinary("t/b", "mark2")};
	char way[GROUND_WAY];

	ground_apply(ground, members, 3);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "3 1 2");
	for (size_t i = 0; i < 3; i++)
		member_drop(&members[i]);
}

static void a_verdict_that_does_not_go_on_ends_the_chain(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/a", "mark1"), ordinary("t/d", "mark_drop"),
				   ordinary("t/b", "mark2")};
	char way[GROUND_WAY];

	ground_apply(ground, members, 3);
	assert_int_equal(ground_run(ground, way), DROP);
	assert_string_equal(way, "1 9");
	for (size_t i = 0; i < 3; i++)
		member_drop(&members[i]);
}

static void programs_of_every_linkage_stand_in_one_chain(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {
		ground_member("t/j", "jumps.bpf.o", "jump_chain", HOOK_XDP, LINK_CHAIN, NULL),
		ordinary("t/a", "mark1"),
		ground_member("t/o", "jumps.bpf.o", "jump_own", HOOK_XDP, LINK_OWN_MAP, NULL),
		ordinary("t/odd", "mark_odd"),
		ground_member("t/j2", "jumps.bpf.o", "jump_own", HOOK_XDP, LINK_OWN_MAP, NULL)};
	struct truth truth;
	char way[GROUND_WAY];

	ground_apply(ground, members, 5);
	// The last one jumps by itself and lands on the terminal; its own fall-through would be XDP_ABORTED.
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "21 1 22 7 22");
	truth = the_truth(ground);
	assert_true(truth.has_end);
	assert_int_equal(truth.end_slot, truth.end_id);
	// The object asks to be pinned by name; nothing outside our tree may appear.
	assert_int_equal(access("/sys/fs/bpf/own_next", F_OK), -1);
	for (size_t i = 0; i < 5; i++)
		member_drop(&members[i]);
}

static void a_chain_of_33_programs_runs_to_its_end(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[33];
	struct truth truth;
	char way[GROUND_WAY];

	for (size_t i = 0; i < 33; i++)
		members[i] = ordinary("t/many", "mark1");
	ground_apply(ground, members, 33);
	assert_int_equal(ground_run(ground, way), PASS);
	truth = the_truth(ground);
	for (size_t i = 0; i < 33; i++)
		assert_int_equal(truth.members[i].fell, 0);
	assert_int_equal(ground_count(ground, "test:t:many", "seen"), 1);
	assert_int_equal(ground_count(ground, "test:t:many:33", "seen"), 1);
	for (size_t i = 0; i < 33; i++)
		member_drop(&members[i]);
}

static void a_last_program_that_jumps_needs_room_for_one_more_jump(void **state)
{
	struct member members[33];
	struct fault why = {0};

	the_ground(state);
	for (size_t i = 0; i < 33; i++)
		members[i] = ordinary("t/many", "mark1");
	member_drop(&members[32]);
	members[32] = ground_member("t/j", "jumps.bpf.o", "jump_chain", HOOK_XDP, LINK_CHAIN, NULL);
	assert_int_equal(fit_check(members, 33, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	for (size_t i = 0; i < 33; i++)
		member_drop(&members[i]);
}

// ---- changing it ----

static void a_new_order_keeps_the_link_and_the_counters(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member first[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2")};
	struct member second[] = {ordinary("t/b", "mark2"), ordinary("t/a", "mark1")};
	struct truth before, after;
	char way[GROUND_WAY];

	ground_apply(ground, first, 2);
	ground_run(ground, way);
	before = the_truth(ground);
	ground_apply(ground, second, 2);
	after = the_truth(ground);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "2 1");
	assert_int_equal(before.link.id, after.link.id);
	assert_int_equal(before.root_id, after.root_id);
	assert_int_equal(after.generation, before.generation + 1);
	assert_int_equal(generations(ground), 1);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 2);
	for (size_t i = 0; i < 2; i++) {
		member_drop(&first[i]);
		member_drop(&second[i]);
	}
}

static void a_map_of_another_size_is_reported_lost_and_the_rest_is_kept(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member first = ordinary("t/a", "mark1");
	struct member second =
		ground_member("t/a", "marks2.bpf.o", "mark1", HOOK_XDP, LINK_WRAP, NULL);
	struct chain_spec spec = ground_spec(ground, &second, 1);
	OWNED(chain_drop) struct chain *chain = NULL;
	const struct maps_report *maps;
	struct fault why = {0};
	char way[GROUND_WAY];

	ground_apply(ground, &first, 1);
	ground_run(ground, way);
	assert_int_equal(chain_build(&spec, &chain, &why), 0);
	maps = &chain_program(chain, 0)->maps;
	assert_int_equal(maps->count, 3);
	assert_string_equal(maps->maps[0].name, "seen");
	assert_int_equal(maps->maps[0].fate, MAP_KEPT);
	assert_string_equal(maps->maps[1].name, "settings");
	assert_int_equal(maps->maps[1].fate, MAP_LOST);
	assert_int_equal(maps->maps[2].fate, MAP_FRESH);
	assert_int_equal(chain_commit(chain, &why), 0);
	assert_int_equal(chain_settle(chain, &why), 0);
	ground_run(ground, way);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 1001);
	member_drop(&first);
	member_drop(&second);
}

static void another_repositorys_program_of_the_same_name_gets_maps_of_its_own(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member first = ordinary("t/a", "mark1"), second = ordinary("t/a", "mark1");
	char way[GROUND_WAY];

	free(second.from);
	second.from = strdup("other");
	ground_apply(ground, &first, 1);
	ground_run(ground, way);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 1);
	ground_apply(ground, &second, 1);
	ground_run(ground, way);
	ground_run(ground, way);
	assert_int_equal(ground_count(ground, "other:t:a", "seen"), 2);
	member_drop(&first);
	member_drop(&second);
}

static void the_admins_values_are_there_at_the_first_packet(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ground_member("t/s", "marks.bpf.o", "mark_setting", HOOK_XDP,
						 LINK_WRAP,
						 "{\"settings\":[{\"key\":1,\"value\":2}]}"),
				   ordinary("t/a", "mark1")};
	char way[GROUND_WAY];

	ground_apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "8 1");
	// Taken out of the file, a value is gone from the map as well.
	json_free(members[0].maps);
	members[0].maps = NULL;
	assert_int_equal(
		json_parse("{\"settings\":[]}", 15, "maps", &members[0].maps, &(struct fault){0}),
		0);
	ground_apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), 0); // XDP_ABORTED
	member_drop(&members[0]);
	member_drop(&members[1]);
}

// ---- all or nothing ----

static void refused(const struct ground *ground, struct member *members, size_t count,
		    enum fault_code code, const char *sentence)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	assert_int_equal(why.code, code);
	if (!strstr(why.text, sentence) && !strstr(why.cause, sentence)) {
		fault_print(&why, stderr);
		fail_msg("the refusal does not say \"%s\"", sentence);
	}
}

static void a_refused_fifth_of_six_leaves_the_old_chain_and_no_trace(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member old[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2")};
	struct member members[] = {ordinary("t/1", "mark1"),	    ordinary("t/2", "mark2"),
				   ordinary("t/3", "mark3"),	    ordinary("t/4", "mark4"),
				   ordinary("t/5", "mark_invalid"), ordinary("t/6", "mark1")};
	char way[GROUND_WAY];

	ground_apply(ground, old, 2);
	refused(ground, members, 6, FAULT_KERNEL, "outside of the packet");
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 2");
	assert_int_equal(generations(ground), 1);
	// The verifier's whole log is on disk.
	ground_sh("grep -q 'outside of the packet' %s/t.5.1.0.0.log", ground->logs);
	for (size_t i = 0; i < 6; i++)
		member_drop(&members[i]);
	member_drop(&old[0]);
	member_drop(&old[1]);
}

static void the_gate_refuses_a_helper_that_the_policy_does_not_name(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/a", "mark1"), ordinary("t/t", "mark_talks")};

	refused(ground, members, 2, FAULT_POLICY, "trace_printk");
	assert_int_equal(generations(ground), 0);
	member_drop(&members[0]);
	member_drop(&members[1]);
}

// What got past the inspection of an object: the number in its code becomes a descriptor of whoever loads it.
static void name_map_by_number(struct member *member, int map)
{
	static const unsigned char number[] = {0x88, 0x77, 0x66, 0x55},
				   rest[] = {0x44, 0x33, 0x22, 0x11};
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};
	unsigned char *insn = NULL;

	assert_int_equal(file_read_fd(member->object_fd, 4u << 20, &bytes, &why), 0);
	for (size_t at = 0; at + 16 <= bytes.len && !insn; at += 8)
		if (bytes.data[at] == 0x18 &&
		    !memcmp(bytes.data + at + 4, number, sizeof(number)) &&
		    !memcmp(bytes.data + at + 12, rest, sizeof(rest)))
			insn = bytes.data + at;
	assert_non_null(insn);
	insn[1] = (unsigned char)((insn[1] & 0x0f) | BPF_PSEUDO_MAP_FD << 4);
	memcpy(insn + 4, &map, sizeof(map));
	memset(insn + 12, 0, 4);
	close(member->object_fd);
	assert_int_equal(sys_sealed(bytes.data, bytes.len, "numbered", &member->object_fd, &why),
			 0);
}

static void code_that_names_a_map_of_another_by_number_is_refused(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member old = ordinary("t/a", "mark1");
	struct member members[] = {ordinary("t/b", "mark2"), ordinary("t/n", "mark_number")};
	OWNED(drop_fd) int others = bpf_map_create(BPF_MAP_TYPE_ARRAY, "others", 4, 8, 1, NULL);
	char way[GROUND_WAY];

	assert_true(others >= 0);
	name_map_by_number(&members[1], others);
	ground_apply(ground, &old, 1);
	refused(ground, members, 2, FAULT_POLICY, "names a map by number");
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(generations(ground), 1);
	member_drop(&old);
	member_drop(&members[0]);
	member_drop(&members[1]);
}

static void a_frags_program_is_refused_before_the_arrays_do(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/a", "mark1"), ordinary("t/f", "mark_frags")};

	refused(ground, members, 2, FAULT_KERNEL, "frags");
	member_drop(&members[0]);
	member_drop(&members[1]);
}

static struct member with_frags(const char *name, const char *object, const char *entry,
				enum linkage linkage)
{
	struct member member = ground_member(name, object, entry, HOOK_XDP, linkage, NULL);

	snprintf(member.section, sizeof(member.section), "xdp.frags");
	return member;
}

// Wrapped and jumping by themselves, with a terminal of ours behind; and from a chain of the other kind and back under one
// link, with another root.
static void a_chain_of_frags_programs_runs_behind_a_root_of_its_kind(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member plain[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2")};
	struct member members[] = {with_frags("t/f", "marks.bpf.o", "mark_frags", LINK_WRAP),
				   with_frags("t/j", "falls.bpf.o", "fall_frags", LINK_OWN_MAP),
				   with_frags("t/g", "marks.bpf.o", "mark_frags2", LINK_WRAP),
				   with_frags("t/k", "falls.bpf.o", "fall_frags", LINK_OWN_MAP)};
	char way[GROUND_WAY];
	struct truth first, second;

	ground_apply(ground, plain, 2);
	first = the_truth(ground);
	assert_false(first.frags);
	ground_apply(ground, members, 4);
	second = the_truth(ground);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "5 55");
	assert_true(second.frags);
	assert_true(second.entered && second.has_end);
	assert_int_equal(second.link.id, first.link.id);
	assert_int_not_equal(second.root_id, first.root_id);
	// The same kind again keeps the root.
	ground_apply(ground, members, 3);
	assert_int_equal(the_truth(ground).root_id, second.root_id);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "5 55");
	ground_apply(ground, plain, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 2");
	assert_false(the_truth(ground).frags);
	assert_int_equal(the_truth(ground).link.id, first.link.id);
	for (size_t i = 0; i < 4; i++)
		member_drop(&members[i]);
	member_drop(&plain[0]);
	member_drop(&plain[1]);
}

// The kernel asks of the root whether it takes packets that need several buffers.
static void a_chain_of_frags_programs_is_attached_where_packets_are_large(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member plain = ordinary("t/a", "mark1");
	struct member member = with_frags("t/f", "marks.bpf.o", "mark_frags", LINK_WRAP);
	struct chain_spec spec = ground_spec(ground, &plain, 1);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};
	char way[GROUND_WAY];

	ground_sh("ip link set " GROUND_IFACE " mtu 9000 && ip link set peer0 mtu 9000");
	assert_int_equal(chain_build(&spec, &chain, &why), 0);
	assert_int_equal(chain_commit(chain, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	ground_apply(ground, &member, 1);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "5");
	assert_int_not_equal(the_truth(ground).iface_program, 0);
	member_drop(&plain);
	member_drop(&member);
}

static void frags_and_others_are_refused_by_both_names(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/a", "mark1"),
				   with_frags("t/f", "marks.bpf.o", "mark_frags", LINK_WRAP)};

	snprintf(members[0].section, sizeof(members[0].section), "xdp");
	refused(ground, members, 2, FAULT_CONFIG, "t/f takes packets in several buffers");
	assert_int_equal(generations(ground), 0);
	member_drop(&members[0]);
	member_drop(&members[1]);
}

static void a_program_in_a_section_of_another_kind_is_refused_before_it_is_loaded(void **state)
{
	static const char *const bad[] = {
		"place_fentry", "place_fexit",	    "place_fmod_ret",	"place_freplace",
		"place_iter",	"place_lsm",	    "place_tp_btf",	"place_kprobe",
		"place_raw_tp", "place_tracepoint", "place_perf_event", "place_socket",
		"place_cgroup", "place_syscall",
	};
	const struct ground *ground = the_ground(state);
	struct member old = ordinary("t/a", "mark1");
	char way[GROUND_WAY];

	ground_apply(ground, &old, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct member member =
			ground_member("t/p", "places.bpf.o", bad[i], HOOK_XDP, LINK_WRAP, NULL);

		refused(ground, &member, 1, FAULT_KERNEL, "bypasses the gate");
		member_drop(&member);
	}
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(generations(ground), 1);
	member_drop(&old);
}

// Whether the kernel has a program whose name begins so.
static bool is_loaded(const char *name)
{
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct sys_program program;

		sys_program_by_id(id, &program);
		if (!strncmp(program.name, name, strlen(name)))
			return true;
	}
	return false;
}

static void of_an_object_only_the_program_that_is_asked_for_is_loaded(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {
		ground_member("t/p", "places.bpf.o", "place_xdp", HOOK_XDP, LINK_WRAP, NULL),
		ordinary("t/a", "mark1")};
	char way[GROUND_WAY];

	// Beside it stand a socket filter, a probe and an iterator; to load one of them is to pass the gate by.
	ground_apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "5 1");
	assert_true(is_loaded("place_xdp"));
	assert_false(is_loaded("place_socket"));
	assert_false(is_loaded("place_raw_tp"));
	assert_false(is_loaded("place_cgroup"));
	member_drop(&members[0]);
	member_drop(&members[1]);
}

static void a_foreign_program_on_the_hook_is_named_and_left_alone(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = ordinary("t/a", "mark1");

	ground_sh("ip link set " GROUND_IFACE " xdpdrv obj " TEST_BPF_DIR
		  "/end_xdp.bpf.o sec xdp 2>/dev/null");
	refused(ground, &member, 1, FAULT_KERNEL, "bpfseal_end");
	assert_int_not_equal(the_truth(ground).iface_program, 0);
	ground_sh("ip link set " GROUND_IFACE " xdpdrv off");
	ground_apply(ground, &member, 1);
	member_drop(&member);
}

// ---- damage ----

static int pinned(const struct ground *ground, const char *path)
{
	char whole[BPFFS_PATH_MAX];

	snprintf(whole, sizeof(whole), "%s/" GROUND_IFACE "/xdp/%s", ground->tree, path);
	return bpf_obj_get(whole);
}

static void generation_arrays_cannot_be_written_by_anybody(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2")};
	OWNED(drop_fd) int array = -1;
	OWNED(drop_fd) int program = -1;
	uint32_t zero = 0;

	ground_apply(ground, members, 2);
	array = pinned(ground, "gen-1/next-0");
	program = pinned(ground, "gen-1/prog-0");
	assert_true(array >= 0 && program >= 0);
	assert_int_not_equal(bpf_map_update_elem(array, &zero, &program, BPF_ANY), 0);
	assert_int_equal(errno, EPERM);
	assert_int_not_equal(bpf_map_delete_elem(array, &zero), 0);
	member_drop(&members[0]);
	member_drop(&members[1]);
}

static void an_emptied_root_slot_counts_falls_and_gives_the_policys_verdict(void **state)
{
	const struct ground *ground = the_ground(state);
	struct ground strict = *ground;
	struct member member = ordinary("t/a", "mark1");
	OWNED(drop_fd) int array = -1;
	uint32_t zero = 0;
	char way[GROUND_WAY];

	strict.policy.on_fall_through_drop = true;
	ground_apply(&strict, &member, 1);
	array = pinned(ground, "root-1/array");
	assert_int_equal(bpf_map_delete_elem(array, &zero), 0);
	assert_int_equal(ground_run(ground, way), DROP);
	assert_int_equal(the_truth(ground).fell, 1);
	assert_int_equal(the_truth(ground).entered, 0);
	// Applying again mends it.
	ground_apply(&strict, &member, 1);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_int_equal(the_truth(ground).entered, 1);
	member_drop(&member);
}

static void a_changed_policy_replaces_the_root_under_the_same_link(void **state)
{
	const struct ground *ground = the_ground(state);
	struct ground strict = *ground;
	struct member member = ordinary("t/a", "mark1");
	struct truth before, after;
	char way[GROUND_WAY];

	strict.policy.on_fall_through_drop = true;
	ground_apply(ground, &member, 1);
	before = the_truth(ground);
	ground_apply(&strict, &member, 1);
	after = the_truth(ground);
	assert_int_equal(before.link.id, after.link.id);
	assert_int_not_equal(before.root_id, after.root_id);
	assert_int_equal(after.link.program_id, after.root_id);
	assert_int_equal(after.verdict, DROP);
	assert_int_equal(ground_run(ground, way), PASS);
	member_drop(&member);
}

static void a_detached_link_is_attached_again(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = ordinary("t/a", "mark1");
	OWNED(drop_fd) int link = -1;

	ground_apply(ground, &member, 1);
	link = pinned(ground, "link");
	assert_int_equal(bpf_link_detach(link), 0);
	assert_int_equal(the_truth(ground).link.ifindex, 0);
	assert_int_equal(the_truth(ground).iface_program, 0);
	ground_apply(ground, &member, 1);
	assert_int_equal(the_truth(ground).iface_program, the_truth(ground).root_id);
	member_drop(&member);
}

static void a_program_put_under_our_link_is_replaced_by_our_root(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = ordinary("t/a", "mark1");
	OWNED(drop_fd) int link = -1;
	OWNED(drop_fd) int program = -1;
	struct truth truth;

	ground_apply(ground, &member, 1);
	link = pinned(ground, "link");
	program = pinned(ground, "gen-1/prog-0");
	assert_int_equal(bpf_link_update(link, program, NULL), 0);
	truth = the_truth(ground);
	assert_int_not_equal(truth.link.program_id, truth.root_id);
	ground_apply(ground, &member, 1);
	truth = the_truth(ground);
	assert_int_equal(truth.link.program_id, truth.root_id);
	member_drop(&member);
}

static void an_interface_that_was_made_anew_gets_its_chain_again(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = ordinary("t/a", "mark1");
	char way[GROUND_WAY];

	ground_apply(ground, &member, 1);
	ground_sh("ip link del " GROUND_IFACE);
	assert_int_equal(the_truth(ground).iface_index, 0);
	ground_sh("ip link add " GROUND_IFACE " type veth peer name peer0");
	ground_apply(ground, &member, 1);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_not_equal(the_truth(ground).iface_program, 0);
	member_drop(&member);
}

// ---- crashes ----

// What a killed loader leaves at a given moment: a child that builds (and switches) and dies on the spot.
static void crash(const struct ground *ground, const struct member *members, size_t count,
		  bool after_commit)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct chain_spec spec = ground_spec(ground, members, count);
		struct chain *chain = NULL;
		struct fault why = {0};

		if (chain_build(&spec, &chain, &why) || (after_commit && chain_commit(chain, &why)))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void a_crash_before_the_switch_leaves_the_old_chain_and_the_next_run_cleans(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member old = ordinary("t/a", "mark1");
	struct member fresh[] = {ordinary("t/b", "mark2"), ordinary("t/c", "mark3")};
	char way[GROUND_WAY];

	ground_apply(ground, &old, 1);
	crash(ground, fresh, 2, false);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(generations(ground), 2);
	ground_apply(ground, &old, 1);
	assert_int_equal(generations(ground), 1);
	member_drop(&old);
	member_drop(&fresh[0]);
	member_drop(&fresh[1]);
}

static void a_crash_after_the_switch_leaves_the_new_chain_whole(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member old = ordinary("t/a", "mark1");
	struct member fresh[] = {ordinary("t/b", "mark2"), ordinary("t/c", "mark3")};
	struct truth truth;
	char way[GROUND_WAY];

	ground_apply(ground, &old, 1);
	crash(ground, fresh, 2, true);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "2 3");
	truth = the_truth(ground);
	assert_true(truth.entered);
	assert_int_equal(truth.count, 2);
	assert_int_equal(truth.generation, 2);
	ground_apply(ground, fresh, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "2 3");
	assert_int_equal(generations(ground), 1);
	member_drop(&old);
	member_drop(&fresh[0]);
	member_drop(&fresh[1]);
}

static void removing_a_chain_leaves_nothing_behind(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = ordinary("t/a", "mark1");
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	ground_apply(ground, &member, 1);
	assert_int_equal(bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why), 0);
	assert_int_equal(chain_remove(place, &why), 0);
	assert_int_equal(the_truth(ground).iface_program, 0);
	assert_int_equal(access(place, F_OK), -1);
	assert_int_equal(chain_remove(place, &why), 0);
	member_drop(&member);
}

// ---- under traffic ----

// What is still queued on the veth is on its way: until all three have seen as many, and all that was sent or no more comes.
static void drained(const struct ground *ground, uint64_t sent)
{
	uint64_t before = 0;

	for (int still = 0; still < 300; still++) {
		uint64_t a = ground_count(ground, "test:t:a", "seen");

		if (a >= sent && ground_count(ground, "test:t:b", "seen") == a &&
		    ground_count(ground, "test:t:c", "seen") == a)
			return;
		if (a != before)
			still = 0;
		before = a;
		usleep(10000);
	}
}

static void no_packet_sees_half_a_chain_while_its_order_changes_under_flood(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member one_way[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2"),
				   ordinary("t/c", "mark3")};
	struct member other_way[] = {ordinary("t/c", "mark3"), ordinary("t/a", "mark1"),
				     ordinary("t/b", "mark2")};
	struct rival sender;
	struct truth truth;
	unsigned long sent;

	ground_apply(ground, one_way, 3);
	rival_start(&sender, rival_sends, &(struct rival_sender){.iface = "peer0"});
	for (int i = 0; i < 100; i++) {
		ground_apply(ground, i % 2 ? one_way : other_way, 3);
		truth = the_truth(ground);
		assert_int_equal(truth.fell, 0);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(truth.members[k].fell, 0);
	}
	sent = rival_stop(&sender);
	drained(ground, sent);
	assert_true(ground_count(ground, "test:t:a", "seen") > 1000);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"),
			 ground_count(ground, "test:t:b", "seen"));
	assert_int_equal(ground_count(ground, "test:t:a", "seen"),
			 ground_count(ground, "test:t:c", "seen"));
	print_message("%lu packets sent, %lu seen by all three, 100 switches\n", sent,
		      (unsigned long)ground_count(ground, "test:t:a", "seen"));
	for (size_t i = 0; i < 3; i++) {
		member_drop(&one_way[i]);
		member_drop(&other_way[i]);
	}
}

// ---- TC ----

static void a_tc_chain_is_attached_at_the_head_and_runs_in_order(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {
		ground_member("t/1", "flows.bpf.o", "flow1", HOOK_TC_INGRESS, LINK_WRAP, NULL),
		ground_member("t/2", "flows.bpf.o", "flow2", HOOK_TC_INGRESS, LINK_WRAP, NULL),
		ground_member("t/9", "flows.bpf.o", "flow_drop", HOOK_TC_INGRESS, LINK_WRAP, NULL)};
	unsigned char in[64] = {0};
	struct __sk_buff skb = {0}, out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .ctx_out = &out,
		    .ctx_size_out = sizeof(out), .repeat = 1);
	struct truth truth;
	struct fault why = {0};
	char path[BPFFS_PATH_MAX];
	OWNED(drop_fd) int root = -1;

	ground_apply(ground, members, 3);
	assert_int_equal(truth_read(ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, &truth, &why), 0);
	assert_true(truth.linked && truth.entered);
	assert_int_equal(truth.before.count, 0);
	assert_int_equal(truth.by, sys_has_tcx(truth.iface_index) ? TRUTH_BY_TCX : TRUTH_BY_CLSACT);
	assert_int_equal(truth.link.ifindex, truth.iface_index);
	snprintf(path, sizeof(path), "%s/" GROUND_IFACE "/tc_ingress/root-1/prog", ground->tree);
	root = bpf_obj_get(path);
	assert_int_equal(bpf_prog_test_run_opts(root, &opts), 0);
	assert_int_equal(opts.retval, 2); // TC_ACT_SHOT
	assert_int_equal(out.mark, 129);
	for (size_t i = 0; i < 3; i++)
		member_drop(&members[i]);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(ordinary_programs_run_in_the_order_of_the_chain),
		ON_GROUND(a_verdict_that_does_not_go_on_ends_the_chain),
		ON_GROUND(programs_of_every_linkage_stand_in_one_chain),
		ON_GROUND(a_chain_of_33_programs_runs_to_its_end),
		ON_GROUND(a_last_program_that_jumps_needs_room_for_one_more_jump),
		ON_GROUND(a_new_order_keeps_the_link_and_the_counters),
		ON_GROUND(a_map_of_another_size_is_reported_lost_and_the_rest_is_kept),
		ON_GROUND(another_repositorys_program_of_the_same_name_gets_maps_of_its_own),
		ON_GROUND(the_admins_values_are_there_at_the_first_packet),
		ON_GROUND(a_refused_fifth_of_six_leaves_the_old_chain_and_no_trace),
		ON_GROUND(the_gate_refuses_a_helper_that_the_policy_does_not_name),
		ON_GROUND(code_that_names_a_map_of_another_by_number_is_refused),
		ON_GROUND(a_frags_program_is_refused_before_the_arrays_do),
		ON_GROUND(a_chain_of_frags_programs_runs_behind_a_root_of_its_kind),
		ON_GROUND(a_chain_of_frags_programs_is_attached_where_packets_are_large),
		ON_GROUND(frags_and_others_are_refused_by_both_names),
		ON_GROUND(a_program_in_a_section_of_another_kind_is_refused_before_it_is_loaded),
		ON_GROUND(of_an_object_only_the_program_that_is_asked_for_is_loaded),
		ON_GROUND(a_foreign_program_on_the_hook_is_named_and_left_alone),
		ON_GROUND(generation_arrays_cannot_be_written_by_anybody),
		ON_GROUND(an_emptied_root_slot_counts_falls_and_gives_the_policys_verdict),
		ON_GROUND(a_changed_policy_replaces_the_root_under_the_same_link),
		ON_GROUND(a_detached_link_is_attached_again),
		ON_GROUND(a_program_put_under_our_link_is_replaced_by_our_root),
		ON_GROUND(an_interface_that_was_made_anew_gets_its_chain_again),
		ON_GROUND(a_crash_before_the_switch_leaves_the_old_chain_and_the_next_run_cleans),
		ON_GROUND(a_crash_after_the_switch_leaves_the_new_chain_whole),
		ON_GROUND(removing_a_chain_leaves_nothing_behind),
		ON_GROUND(no_packet_sees_half_a_chain_while_its_order_changes_under_flood),
		ON_GROUND(a_tc_chain_is_attached_at_the_head_and_runs_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
