// SPDX-License-Identifier: Apache-2.0
// How a chain stands on its hook, and who else stands there: TCX, clsact, XDP modes, with packets over a veth pair.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/filter.h"
#include "loader/finding.h"
#include "loader/keeper.h"
#include "loader/netlink.h"
#include "loader/offload.h"
#include "loader/sight.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"
#include "tests/kernel/rival.h"

static bool has_tcx(void)
{
	return sys_has_tcx(if_nametoindex(GROUND_IFACE));
}

// What can only be shown with TCX.
static const struct ground *the_ground_with_tcx(void **state)
{
	const struct ground *ground = the_ground(state);

	if (!has_tcx()) {
		fprintf(stderr, "SKIPPED: this kernel has no TCX\n");
		skip();
	}
	return ground;
}

static struct truth the_truth(const struct ground *ground, enum hook hook)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(ground->tree, GROUND_IFACE, hook, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

// ---- somebody else's programs ----

// A program that adds to a counter and gives one verdict.
struct foreign {
	int program_fd, map_fd, link_fd;
	uint32_t id;
};

static void foreign_drop(struct foreign *foreign)
{
	drop_fd(&foreign->link_fd);
	drop_fd(&foreign->program_fd);
	drop_fd(&foreign->map_fd);
}

static struct foreign foreign_load(enum bpf_prog_type type, int verdict)
{
	struct foreign foreign = {.link_fd = -1};
	struct sys_program about;
	struct fault why = {0};
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "theirs", 4, 8, 1, NULL);
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 2, .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	foreign.map_fd = map;
	foreign.program_fd =
		bpf_prog_load(type, "theirs", "GPL", insns, sizeof(insns) / sizeof(*insns), NULL);
	assert_true(map >= 0 && foreign.program_fd >= 0);
	assert_int_equal(sys_program(foreign.program_fd, &about, &why), 0);
	foreign.id = about.id;
	return foreign;
}

static uint64_t foreign_seen(const struct foreign *foreign)
{
	uint32_t zero = 0;
	uint64_t seen = 0;

	assert_int_equal(bpf_map_lookup_elem(foreign->map_fd, &zero, &seen), 0);
	return seen;
}

// On TCX, as the head or (`last`) behind all others.
static struct foreign foreign_tcx(enum hook hook, int verdict, bool last)
{
	struct foreign foreign = foreign_load(BPF_PROG_TYPE_SCHED_CLS, verdict);
	uint32_t ifindex = if_nametoindex(GROUND_IFACE);

	if (last)
		foreign.link_fd =
			bpf_link_create(foreign.program_fd, (int)ifindex,
					(enum bpf_attach_type)sys_attach_type(hook), NULL);
	else
		foreign.link_fd = sys_attach(foreign.program_fd, ifindex, hook, SYS_NATIVE);
	assert_true(foreign.link_fd >= 0);
	return foreign;
}

// In a clsact filter under a name of its own. The qdisc must be there.
static struct foreign foreign_filter_giving(enum hook hook, unsigned pref, unsigned handle,
					    int verdict)
{
	struct foreign foreign = foreign_load(BPF_PROG_TYPE_SCHED_CLS, verdict);
	char path[96];

	snprintf(path, sizeof(path), "/tmp/bpfseal-kernel-theirs-%d", getpid());
	ground_sh("mkdir %s && mount -t bpf bpf %s", path, path);
	strcat(path, "/it");
	assert_int_equal(bpf_obj_pin(foreign.program_fd, path), 0);
	ground_sh("tc filter add dev " GROUND_IFACE " %s pref %u handle %u bpf da object-pinned %s",
		  hook == HOOK_TC_EGRESS ? "egress" : "ingress", pref, handle, path);
	*strrchr(path, '/') = '\0';
	ground_sh("umount %s && rmdir %s", path, path);
	return foreign;
}

static struct foreign foreign_filter(enum hook hook, unsigned pref, unsigned handle)
{
	return foreign_filter_giving(hook, pref, handle, TC_ACT_UNSPEC);
}

// ---- packets ----

// `count` frames out of an interface: out of the peer they come in on ours.
static void send_from(const char *iface, unsigned count)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex(iface)};
	unsigned char frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
				   0,	 0,    0,    0,	   1,	 0x08, 0x00};
	OWNED(drop_fd) int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	for (unsigned i = 0; i < count; i++)
		assert_true(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to,
				   sizeof(to)) > 0 ||
			    errno == ENOBUFS); // how a sender hears of a drop on egress
	ground_drain();
}

static void packets(enum hook hook, unsigned count)
{
	send_from(hook == HOOK_TC_EGRESS ? GROUND_IFACE : "peer0", count);
}

static struct member flow(const char *name, const char *entry, enum hook hook)
{
	return ground_member(name, "flows.bpf.o", entry, hook, LINK_WRAP, NULL);
}

// ---- who else is there ----

static void others_before_and_after_a_tcx_chain_are_told_with_what_they_are(void **state)
{
	const struct ground *ground = the_ground_with_tcx(state);
	struct member member = flow("t/2", "flow2", HOOK_TC_INGRESS);
	OWNED(foreign_drop) struct foreign before = {-1, -1, -1, 0};
	OWNED(foreign_drop) struct foreign after = {-1, -1, -1, 0};
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;

	ground_apply(ground, &member, 1);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_true(truth.attached);
	assert_int_equal(truth.by, TRUTH_BY_TCX);
	assert_int_equal(truth.before.count + truth.after.count, 0);
	before = foreign_tcx(HOOK_TC_INGRESS, TC_ACT_UNSPEC, false);
	after = foreign_tcx(HOOK_TC_INGRESS, TC_ACT_UNSPEC, true);
	ground_sh("tc qdisc add dev " GROUND_IFACE " clsact");
	ground_sh("tc filter add dev " GROUND_IFACE
		  " ingress pref 7 handle 3 bpf da obj " TEST_BPF_DIR "/end_tc.bpf.o sec tc");
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(truth.before.count, 1);
	assert_int_equal(truth.before.list[0].program_id, before.id);
	assert_string_equal(truth.before.list[0].kind, "tcx");
	assert_int_equal(truth.after.count, 2);
	assert_int_equal(truth.after.list[0].program_id, after.id);
	assert_string_equal(truth.after.list[1].kind, "bpf");
	assert_int_equal(truth.after.list[1].pref, 7);
	assert_int_equal(truth.after.list[1].handle, 3);
	assert_non_null(strstr(truth.after.list[1].name, "end_tc.bpf.o"));
	assert_int_not_equal(truth.after.list[1].program_id, 0);
	assert_int_equal(
		findings_damage(&findings, GROUND_IFACE, HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_int_equal(findings.count, 3);
	assert_string_equal(findings.list[0].code, "foreign_before");
	assert_int_equal(findings_count(&findings, FINDING_BEYOND), 1);
	findings_drop(&findings);
	// The other direction has nobody.
	assert_int_equal(the_truth(ground, HOOK_TC_EGRESS).before.count, 0);
	packets(HOOK_TC_INGRESS, 3);
	assert_int_equal(foreign_seen(&before), 3);
	assert_int_equal(foreign_seen(&after), 3);
	member_drop(&member);
}

// ---- putting a chain there ----

static const struct attach_wish by_auto = {.native_ok = true};
static const struct attach_wish by_tcx = {.native_ok = true, .tc = NODE_TC_TCX};
static const struct attach_wish by_clsact = {.native_ok = true, .tc = NODE_TC_CLSACT};

static int try(const struct ground *ground, const struct member *members, size_t count,
	       struct attach_wish wish, struct fault *why)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;

	spec.wish = wish;
	return chain_build(&spec, &chain, why) || chain_commit(chain, why) ||
			       chain_settle(chain, why)
		       ? -1
		       : 0;
}

static void put(const struct ground *ground, const struct member *members, size_t count,
		struct attach_wish wish)
{
	struct fault why = {0};

	if (try(ground, members, count, wish, &why)) {
		fault_print(&why, stderr);
		fail_msg("the chain was not applied");
	}
}

static void refused(const struct ground *ground, const struct member *members, size_t count,
		    struct attach_wish wish, const char *word)
{
	struct fault why = {0};
	char all[2 * FAULT_TEXT_MAX + 2];

	assert_int_equal(try(ground, members, count, wish, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	snprintf(all, sizeof(all), "%s: %s", why.text, why.cause);
	if (!strstr(all, word))
		fail_msg("\"%s\" does not say \"%s\"", all, word);
}

static void removed(const struct ground *ground, enum hook hook)
{
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	if (bpffs_place(ground->tree, GROUND_IFACE, hook, place, &why) || chain_remove(place, &why))
		fail_msg("%s", why.text);
	assert_int_equal(access(place, F_OK), -1);
}

static uint64_t seen(const struct ground *ground, enum hook hook, const char *key)
{
	return ground_count_on(ground, hook, key, "seen");
}

// Does the command's output have the word?
static bool says(const char *command, const char *word)
{
	char line[512];
	bool found = false;
	FILE *out = popen(command, "r");

	assert_non_null(out);
	while (fgets(line, sizeof(line), out))
		found |= strstr(line, word) != NULL;
	pclose(out);
	return found;
}

static bool has_qdisc(const char *kind)
{
	char command[64];

	snprintf(command, sizeof(command), "tc qdisc show dev %s", GROUND_IFACE);
	return says(command, kind);
}

#define THEIR_FILTER                                                                       \
	"tc filter add dev " GROUND_IFACE " %s pref %u handle %u bpf da obj " TEST_BPF_DIR \
	"/end_tc.bpf.o sec tc"

// ---- TCX and clsact ----

static const struct {
	enum hook hook;
	struct attach_wish wish;
	enum truth_by by;
} ways[] = {
	{HOOK_TC_INGRESS, {.tc = NODE_TC_TCX}, TRUTH_BY_TCX},
	{HOOK_TC_EGRESS, {.tc = NODE_TC_TCX}, TRUTH_BY_TCX},
	{HOOK_TC_INGRESS, {.tc = NODE_TC_CLSACT}, TRUTH_BY_CLSACT},
	{HOOK_TC_EGRESS, {.tc = NODE_TC_CLSACT}, TRUTH_BY_CLSACT},
};
#define WAYS	    (sizeof(ways) / sizeof(*ways))
#define WAYS_BY_TCX 2

static void a_tc_chain_sees_real_packets_in_order_by_tcx_and_by_clsact(void **state)
{
	const struct ground *ground = the_ground(state);

	for (size_t i = 0; i < WAYS; i++) {
		struct member members[] = {flow("t/1", "flow1", ways[i].hook),
					   flow("t/2", "flow2", ways[i].hook),
					   flow("t/9", "flow_drop", ways[i].hook),
					   flow("t/never", "flow1", ways[i].hook)};
		struct truth truth;

		if (ways[i].by == TRUTH_BY_TCX && !has_tcx()) {
			refused(ground, members, 4, ways[i].wish, "this kernel has no TCX");
			for (size_t k = 0; k < 4; k++)
				member_drop(&members[k]);
			continue;
		}
		put(ground, members, 4, ways[i].wish);
		truth = the_truth(ground, ways[i].hook);
		assert_int_equal(truth.by, ways[i].by);
		assert_true(truth.attached && truth.entered);
		assert_int_equal(truth.link.program_id, truth.root_id);
		packets(ways[i].hook, 7);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:1"), 7);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:2"), 7);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:9"), 7);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:never"), 0);
		removed(ground, ways[i].hook);
		assert_false(the_truth(ground, ways[i].hook).attached);
		assert_false(has_qdisc("clsact"));
		for (size_t k = 0; k < 4; k++)
			member_drop(&members[k]);
	}
}

static void auto_takes_tcx_where_the_kernel_has_it(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_EGRESS);

	put(ground, &member, 1, by_auto);
	assert_int_equal(the_truth(ground, HOOK_TC_EGRESS).by,
			 has_tcx() ? TRUTH_BY_TCX : TRUTH_BY_CLSACT);
	member_drop(&member);
}

static void the_filters_of_others_still_see_what_a_chain_lets_on(void **state)
{
	const struct ground *ground = the_ground(state);

	for (size_t i = has_tcx() ? 0 : WAYS_BY_TCX; i < WAYS; i++) {
		// It ends with TC_ACT_OK, which alone would skip everybody behind it.
		struct member member = flow("t/1", "flow1", ways[i].hook);
		struct member last = ground_member("t/last", "flows.bpf.o", "flow1", ways[i].hook,
						   LINK_TERMINAL, NULL);
		OWNED(foreign_drop) struct foreign after = {-1, -1, -1, 0};
		bool tcx = ways[i].by == TRUTH_BY_TCX;

		put(ground, &member, 1, ways[i].wish);
		after = tcx ? foreign_tcx(ways[i].hook, TC_ACT_UNSPEC, true)
			    : foreign_filter(ways[i].hook, 9, 1);
		packets(ways[i].hook, 5);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:1"), 5);
		assert_int_equal(foreign_seen(&after), 5);
		// A program of which the manifest says that its word is the last one: that is a word, too.
		put(ground, &last, 1, ways[i].wish);
		packets(ways[i].hook, 5);
		assert_int_equal(seen(ground, ways[i].hook, "test:t:last"), 5);
		assert_int_equal(foreign_seen(&after), 5);
		foreign_drop(&after);
		ground_sh("tc filter del dev " GROUND_IFACE " %s pref 9 2>/dev/null || true",
			  ways[i].hook == HOOK_TC_EGRESS ? "egress" : "ingress");
		removed(ground, ways[i].hook);
		member_drop(&member);
		member_drop(&last);
	}
}

static void a_tcx_chain_lets_packets_on_to_clsact_filters_of_others(void **state)
{
	const struct ground *ground = the_ground_with_tcx(state);
	struct member members[] = {flow("t/2", "flow2", HOOK_TC_INGRESS),
				   ground_member("t/j", "jumps_tc.bpf.o", "jump_tc",
						 HOOK_TC_INGRESS, LINK_CHAIN, NULL)};
	OWNED(foreign_drop) struct foreign after = {-1, -1, -1, 0};

	ground_sh("tc qdisc add dev " GROUND_IFACE " clsact");
	after = foreign_filter(HOOK_TC_INGRESS, 9, 1);
	// Ends with an ordinary program, then with one that jumps, whose jump lands on our terminal.
	put(ground, members, 1, by_tcx);
	packets(HOOK_TC_INGRESS, 5);
	put(ground, members, 2, by_tcx);
	packets(HOOK_TC_INGRESS, 5);
	assert_int_equal(seen(ground, HOOK_TC_INGRESS, "test:t:2"), 10);
	assert_int_equal(foreign_seen(&after), 10);
	// A qdisc that was there before us stays.
	removed(ground, HOOK_TC_INGRESS);
	assert_true(has_qdisc("clsact"));
	member_drop(&members[0]);
	member_drop(&members[1]);
}

// ---- clsact: nobody is pushed out ----

static void a_foreign_filter_in_our_place_is_named_and_left_alone(void **state)
{
	static const char *const theirs[] = {
		"pref 1 handle 1 bpf da obj " TEST_BPF_DIR "/end_tc.bpf.o sec tc",
		"pref 1 protocol ip handle 5 bpf da obj " TEST_BPF_DIR "/end_tc.bpf.o sec tc",
	};
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);

	ground_sh("tc qdisc add dev " GROUND_IFACE " clsact");
	for (size_t i = 0; i < 2; i++) {
		ground_sh("tc filter add dev " GROUND_IFACE " ingress %s", theirs[i]);
		refused(ground, &member, 1, by_clsact, "end_tc.bpf.o");
		assert_true(says("tc filter show dev " GROUND_IFACE " ingress", "end_tc.bpf.o"));
		assert_true(the_truth(ground, HOOK_TC_INGRESS).blocked);
		ground_sh("tc filter del dev " GROUND_IFACE " ingress pref 1");
	}
	put(ground, &member, 1, by_clsact);
	member_drop(&member);
}

static void filters_before_and_after_ours_are_told_by_the_order_that_the_kernel_has(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_EGRESS);
	OWNED(foreign_drop) struct foreign tcx = {-1, -1, -1, 0};
	OWNED(foreign_drop) struct foreign first = {-1, -1, -1, 0};
	OWNED(foreign_drop) struct foreign last = {-1, -1, -1, 0};
	struct truth truth;
	size_t before = 1;

	put(ground, &member, 1, by_clsact);
	if (has_tcx()) {
		tcx = foreign_tcx(HOOK_TC_EGRESS, TC_ACT_UNSPEC, false);
		before = 2;
	}
	first = foreign_filter(HOOK_TC_EGRESS, 1, 2); // the newer of one pref stands first
	last = foreign_filter(HOOK_TC_EGRESS, 2, 1);
	truth = the_truth(ground, HOOK_TC_EGRESS);
	assert_true(truth.attached);
	assert_int_equal(truth.before.count, before);
	if (has_tcx())
		assert_int_equal(truth.before.list[0].program_id, tcx.id);
	assert_int_equal(truth.before.list[before - 1].program_id, first.id);
	assert_int_equal(truth.after.count, 1);
	assert_int_equal(truth.after.list[0].program_id, last.id);
	packets(HOOK_TC_EGRESS, 3);
	if (has_tcx())
		assert_int_equal(foreign_seen(&tcx), 3);
	assert_int_equal(foreign_seen(&first), 3);
	assert_int_equal(foreign_seen(&last), 3);
	assert_int_equal(seen(ground, HOOK_TC_EGRESS, "test:t:1"), 3);
	foreign_drop(&first);
	// What eats packets before ours: the same order, seen from the other side.
	ground_sh("tc filter del dev " GROUND_IFACE " egress pref 1 handle 2 bpf");
	first = foreign_filter_giving(HOOK_TC_EGRESS, 1, 3, TC_ACT_SHOT);
	packets(HOOK_TC_EGRESS, 3);
	assert_int_equal(foreign_seen(&first), 3);
	assert_int_equal(seen(ground, HOOK_TC_EGRESS, "test:t:1"), 3);
	assert_int_equal(the_truth(ground, HOOK_TC_EGRESS).before.count, before);
	member_drop(&member);
}

static void only_our_filter_goes_and_our_qdisc_only_when_it_is_empty(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member in = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct member out = flow("t/1", "flow1", HOOK_TC_EGRESS);

	put(ground, &in, 1, by_clsact);
	put(ground, &out, 1, by_clsact);
	removed(ground, HOOK_TC_INGRESS);
	assert_true(has_qdisc("clsact"));
	assert_true(the_truth(ground, HOOK_TC_EGRESS).attached);
	removed(ground, HOOK_TC_EGRESS);
	assert_false(has_qdisc("clsact"));
	put(ground, &in, 1, by_clsact);
	ground_sh(THEIR_FILTER, "egress", 4, 1);
	removed(ground, HOOK_TC_INGRESS);
	assert_true(says("tc filter show dev " GROUND_IFACE " egress", "end_tc.bpf.o"));
	assert_false(says("tc filter show dev " GROUND_IFACE " ingress", "bpf"));
	member_drop(&in);
	member_drop(&out);
}

static void a_filter_that_somebody_deleted_is_found_and_comes_back(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;

	put(ground, &member, 1, by_clsact);
	packets(HOOK_TC_INGRESS, 2);
	ground_sh("tc filter del dev " GROUND_IFACE " ingress pref 1");
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(
		findings_damage(&findings, GROUND_IFACE, HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_string_equal(findings.list[0].code, "link_detached");
	put(ground, &member, 1, by_clsact);
	packets(HOOK_TC_INGRESS, 2);
	// On the same interface: what was counted stays.
	assert_int_equal(seen(ground, HOOK_TC_INGRESS, "test:t:1"), 4);
	ground_sh("tc qdisc del dev " GROUND_IFACE " clsact");
	assert_false(the_truth(ground, HOOK_TC_INGRESS).attached);
	put(ground, &member, 1, by_clsact);
	assert_true(the_truth(ground, HOOK_TC_INGRESS).attached);
	findings_drop(&findings);
	member_drop(&member);
}

static void another_program_under_our_filters_name_is_replaced_in_place(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	OWNED(foreign_drop)
	struct foreign theirs = foreign_load(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_SHOT);
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;

	put(ground, &member, 1, by_clsact);
	assert_int_equal(filter_replace(if_nametoindex(GROUND_IFACE), HOOK_TC_INGRESS,
					theirs.program_fd, &why),
			 0);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(truth.link.program_id, theirs.id);
	assert_int_equal(
		findings_damage(&findings, GROUND_IFACE, HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_string_equal(findings.list[0].code, "link_replaced");
	put(ground, &member, 1, by_clsact);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(truth.link.program_id, truth.root_id);
	packets(HOOK_TC_INGRESS, 2);
	assert_int_equal(foreign_seen(&theirs), 0);
	assert_int_equal(seen(ground, HOOK_TC_INGRESS, "test:t:1"), 2);
	findings_drop(&findings);
	member_drop(&member);
}

// Our root under our name in our place, by whoever has its descriptor, without the flag that makes its verdict count.
static void make_deaf(const struct truth *truth, const struct ground *ground)
{
	const struct tcmsg about = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)truth->iface_index,
		.tcm_handle = FILTER_HANDLE,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = TC_H_MAKE((uint32_t)FILTER_PREF << 16, htons(ETH_P_ALL))};
	struct netlink_verdict verdict;
	struct netlink_request request;
	char dir[BPFFS_PATH_MAX], place[BPFFS_PATH_MAX];
	OWNED(drop_fd) int root = -1;
	struct fault why = {0};
	size_t options;

	assert_int_equal(bpffs_place(ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, place, &why), 0);
	assert_int_equal(bpffs_join_number(place, "root", truth->root_number, dir, &why), 0);
	assert_int_equal(bpffs_get(dir, "prog", &root, &why), 0);
	netlink_begin(&request, RTM_NEWTFILTER, NLM_F_REPLACE, &about, sizeof(about));
	netlink_put_text(&request, TCA_KIND, "bpf");
	options = netlink_nest(&request, TCA_OPTIONS);
	netlink_put(&request, TCA_BPF_FD, &root, sizeof(root));
	netlink_put_text(&request, TCA_BPF_NAME, FILTER_NAME);
	netlink_end(&request, options);
	assert_int_equal(netlink_ask(&request, NULL, NULL, &verdict, &why), 0);
	assert_int_equal(verdict.error, 0);
}

static void a_filter_whose_verdicts_do_not_count_is_found_and_put_right(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;

	put(ground, &member, 1, by_clsact);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_false(truth.idle);
	make_deaf(&truth, ground);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	// The program is the right one, and the place; what it says is taken for a class of a qdisc.
	assert_true(truth.attached);
	assert_int_equal(truth.link.program_id, truth.root_id);
	assert_int_equal(
		findings_damage(&findings, GROUND_IFACE, HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.list[0].code, "link_replaced");
	put(ground, &member, 1, by_clsact);
	assert_false(the_truth(ground, HOOK_TC_INGRESS).idle);
	findings_drop(&findings);
	member_drop(&member);
}

static void what_comes_while_a_hook_is_read_differs_at_the_next_look(void **state)
{
	const struct ground *ground = the_ground_with_tcx(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	OWNED(foreign_drop) struct foreign theirs = {-1, -1, -1, 0};
	OWNED(keeper_drop) struct keeper *keeper = NULL;
	char place[BPFFS_PATH_MAX];
	struct sight sight = {0};
	struct fault why = {0};
	struct truth truth;
	size_t room = 100;

	put(ground, &member, 1, by_tcx);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(bpffs_place(ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, place, &why), 0);
	assert_int_equal(
		keeper_open(place, truth.root_number, truth.generation, &room, &keeper, &why), 0);
	assert_int_equal(sight_take(HOOK_TC_INGRESS, &truth, keeper, &sight, &why), 0);
	assert_false(sight_differs(&sight));
	sight_drop(&sight);
	theirs = foreign_tcx(HOOK_TC_INGRESS, TC_ACT_UNSPEC, false);
	assert_int_equal(sight_take(HOOK_TC_INGRESS, &truth, keeper, &sight, &why), 0);
	assert_true(sight_differs(&sight));
	sight_drop(&sight);
	member_drop(&member);
}

static void a_changed_policy_replaces_the_root_in_our_filter(void **state)
{
	const struct ground *ground = the_ground(state);
	struct ground strict = *ground;
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct truth before, after;

	strict.policy.on_fall_through_drop = true;
	put(ground, &member, 1, by_clsact);
	before = the_truth(ground, HOOK_TC_INGRESS);
	put(&strict, &member, 1, by_clsact);
	after = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_not_equal(before.root_id, after.root_id);
	assert_int_equal(after.link.program_id, after.root_id);
	assert_int_equal(after.verdict, TC_ACT_SHOT);
	member_drop(&member);
}

static void a_filter_whose_pins_are_gone_is_taken_over(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct truth truth;

	put(ground, &member, 1, by_clsact);
	ground_sh("find %s -mindepth 1 -delete", ground->tree);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_true(truth.attached);
	assert_int_equal(truth.root_id, 0);
	put(ground, &member, 1, by_clsact);
	truth = the_truth(ground, HOOK_TC_INGRESS);
	assert_int_equal(truth.link.program_id, truth.root_id);
	assert_int_equal(truth.before.count + truth.after.count, 0);
	member_drop(&member);
}

static void the_older_ingress_qdisc_serves_ingress_and_is_refused_for_egress(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member in = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct member out = flow("t/1", "flow1", HOOK_TC_EGRESS);

	ground_sh("tc qdisc add dev " GROUND_IFACE " ingress");
	refused(ground, &out, 1, by_clsact, "it has no egress");
	put(ground, &in, 1, by_clsact);
	packets(HOOK_TC_INGRESS, 4);
	assert_int_equal(seen(ground, HOOK_TC_INGRESS, "test:t:1"), 4);
	removed(ground, HOOK_TC_INGRESS);
	assert_true(has_qdisc("ingress"));
	member_drop(&in);
	member_drop(&out);
}

// ---- from one to the other ----

static void a_change_of_way_leaves_no_packet_without_a_chain(void **state)
{
	const struct ground *ground = the_ground_with_tcx(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_EGRESS);
	struct rival sender;
	unsigned long sent;
	uint64_t met;

	put(ground, &member, 1, by_tcx);
	rival_start(&sender, rival_sends, &(struct rival_sender){.iface = GROUND_IFACE});
	for (int i = 0; i < 40; i++) {
		put(ground, &member, 1, i % 2 ? by_tcx : by_clsact);
		assert_int_equal(the_truth(ground, HOOK_TC_EGRESS).by,
				 i % 2 ? TRUTH_BY_TCX : TRUTH_BY_CLSACT);
		assert_false(the_truth(ground, HOOK_TC_EGRESS).doubled);
	}
	sent = rival_stop(&sender);
	ground_drain();
	met = seen(ground, HOOK_TC_EGRESS, "test:t:1");
	print_message("%lu packets sent, %lu met the chain, %lu of them twice, 40 changes\n", sent,
		      (unsigned long)met, (unsigned long)met - sent);
	assert_true(sent > 1000);
	assert_true(met >= sent);
	assert_false(has_qdisc("clsact"));
	member_drop(&member);
}

static void what_a_crash_between_two_ways_leaves_is_found_and_mended(void **state)
{
	const struct ground *ground = the_ground_with_tcx(state);
	struct member member = flow("t/1", "flow1", HOOK_TC_INGRESS);
	struct findings findings = {0};
	struct fault why = {0};
	struct truth truth;
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	char place[BPFFS_PATH_MAX];
	bool made;

	for (int i = 0; i < 2; i++) {
		uint32_t ifindex = if_nametoindex(GROUND_IFACE);

		put(ground, &member, 1, by_tcx);
		assert_int_equal(
			bpffs_place(ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, place, &why), 0);
		assert_int_equal(anchor_newest(place, &root, &why), 0);
		assert_int_equal(filter_qdisc_make(ifindex, &made, &why), 0);
		assert_int_equal(filter_add(ifindex, HOOK_TC_INGRESS, root.program_fd, &why), 0);
		anchor_drop(&root);
		truth = the_truth(ground, HOOK_TC_INGRESS);
		assert_true(truth.doubled);
		assert_int_equal(findings_damage(&findings, GROUND_IFACE, HOOK_TC_INGRESS, &truth,
						 NULL, &why),
				 0);
		assert_string_equal(findings.list[0].code, "attached_twice");
		findings_drop(&findings);
		put(ground, &member, 1, i ? by_tcx : by_clsact);
		truth = the_truth(ground, HOOK_TC_INGRESS);
		assert_false(truth.doubled);
		assert_int_equal(truth.by, i ? TRUTH_BY_TCX : TRUTH_BY_CLSACT);
	}
	member_drop(&member);
}

// ---- XDP modes ----

static const struct attach_wish generic_only = {.generic_ok = true};
static const struct attach_wish either = {.native_ok = true, .generic_ok = true};

static struct member mark(const char *name)
{
	return ground_member(name, "marks.bpf.o", "mark1", HOOK_XDP, LINK_WRAP, NULL);
}

static void xdp_changes_its_mode_as_the_config_does_and_keeps_its_maps(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = mark("t/a");

	put(ground, &member, 1, by_auto);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_DRV);
	send_from("peer0", 3);
	put(ground, &member, 1, generic_only);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_SKB);
	assert_true(the_truth(ground, HOOK_XDP).attached);
	send_from("peer0", 3);
	put(ground, &member, 1, either);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_SKB);
	put(ground, &member, 1, by_auto);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_DRV);
	send_from("peer0", 3);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 9);
	member_drop(&member);
}

static void a_driver_without_native_xdp_is_refused_unless_the_config_allows_generic(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = mark("t/a"), other = mark("t/b");

	// No driver of this kind has XDP of its own.
	ground_sh("ip link del " GROUND_IFACE " && ip link add " GROUND_IFACE
		  " type ifb && ip link set " GROUND_IFACE " up");
	refused(ground, &member, 1, by_auto, "has no native XDP");
	assert_int_equal(the_truth(ground, HOOK_XDP).iface_program, 0);
	put(ground, &member, 1, either);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_SKB);
	// From generic to native, which is refused: the old mode and the old chain stay.
	refused(ground, &other, 1, by_auto, "has no native XDP");
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_SKB);
	assert_true(the_truth(ground, HOOK_XDP).attached && the_truth(ground, HOOK_XDP).entered);
	assert_int_equal(the_truth(ground, HOOK_XDP).members[0].slot,
			 the_truth(ground, HOOK_XDP).members[0].program.id);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 0);
	member_drop(&member);
	member_drop(&other);
}

// Why a chain on a card is one program (loader/fuse): of a driver that has nothing of the kind the kernel says so, of an
// array of programs it says that there is no such thing.
static void the_kernel_knows_no_array_of_programs_on_a_card(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, card);
	struct fault why = {0};

	the_ground(state);
	ground_sh("ip link add card0 type ifb");
	card.map_ifindex = if_nametoindex("card0");
	assert_int_equal(bpf_map_create(BPF_MAP_TYPE_ARRAY, "it", 4, 4, 1, &card), -EOPNOTSUPP);
	assert_int_equal(bpf_map_create(BPF_MAP_TYPE_HASH, "it", 4, 4, 1, &card), -EOPNOTSUPP);
	assert_int_equal(bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "it", 4, 4, 1, &card), -EINVAL);
	assert_int_equal(offload_probe("card0", card.map_ifindex, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "card0 has no card that runs programs"));
	ground_sh("ip link del card0");
}

static void a_chain_for_a_card_that_is_not_there_is_refused_and_leaves_nothing(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = mark("t/a");
	struct chain_spec spec = ground_spec(ground, &member, 1);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	put(ground, &member, 1, by_auto);
	spec.wish = (struct attach_wish){.on_card = true};
	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "no card that runs programs"));
	assert_true(the_truth(ground, HOOK_XDP).attached && the_truth(ground, HOOK_XDP).entered);
	assert_int_equal(the_truth(ground, HOOK_XDP).xdp_mode, XDP_ATTACHED_DRV);
	// What is known to be impossible is told without asking the kernel.
	snprintf(member.no_offload, sizeof(member.no_offload), "its map m is of type lru_hash");
	fault_clear(&why);
	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.text, "no card takes t/a: its map m is of type lru_hash");
	member_drop(&member);
}

// Between the look and the deed somebody may put another program there: it is told, and not replaced unseen.
static void what_was_put_under_our_link_meanwhile_is_not_replaced_unseen(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = mark("t/a");
	OWNED(drop_fd) int theirs = sys_tiny_program(HOOK_XDP, false, XDP_PASS);
	OWNED(drop_fd) int other = sys_tiny_program(HOOK_XDP, false, XDP_DROP);
	char place[BPFFS_PATH_MAX], how[ATTACH_HOW];
	struct sys_program them, us;
	const struct attach attach = {.place = place,
				      .iface = GROUND_IFACE,
				      .hook = HOOK_XDP,
				      .wish = {.native_ok = true}};
	OWNED(drop_fd) int link = -1;
	struct fault why = {0};
	struct truth truth;

	put(ground, &member, 1, by_auto);
	truth = the_truth(ground, HOOK_XDP);
	assert_int_equal(bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why), 0);
	assert_int_equal(bpffs_get(place, "link", &link, &why), 0);
	assert_int_equal(sys_program(theirs, &them, &why) | sys_program(other, &us, &why), 0);
	assert_int_equal(bpf_link_update(link, theirs, NULL), 0);
	assert_int_equal(attach_root(&attach, &truth, other, us.id, how, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_string_equal(why.text, "another program was just attached to our link");
	assert_int_equal(the_truth(ground, HOOK_XDP).link.program_id, them.id);
	// Who has seen it may.
	truth = the_truth(ground, HOOK_XDP);
	fault_clear(&why);
	assert_int_equal(attach_root(&attach, &truth, other, us.id, how, &why), 0);
	assert_int_equal(the_truth(ground, HOOK_XDP).link.program_id, us.id);
	member_drop(&member);
}

// ---- as long as it gets ----

static void chains_of_33_run_to_their_end_on_every_hook(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member xdp[NODE_CHAIN_MAX], tc[NODE_CHAIN_MAX];
	uint64_t in = 0;

	for (size_t i = 0; i < NODE_CHAIN_MAX; i++)
		xdp[i] = mark("t/many");
	put(ground, xdp, NODE_CHAIN_MAX, by_auto);
	for (size_t w = has_tcx() ? 0 : WAYS_BY_TCX; w < WAYS; w++) {
		char key[32];

		for (size_t i = 0; i < NODE_CHAIN_MAX; i++)
			tc[i] = flow("t/many", "flow1", ways[w].hook);
		put(ground, tc, NODE_CHAIN_MAX, ways[w].wish);
		packets(ways[w].hook, 11);
		in += ways[w].hook == HOOK_TC_INGRESS ? 11 : 0;
		for (size_t i = 0; i < NODE_CHAIN_MAX; i++) {
			snprintf(key, sizeof(key), i ? "test:t:many:%zu" : "test:t:many", i + 1);
			assert_int_equal(seen(ground, ways[w].hook, key), 11);
			assert_int_equal(the_truth(ground, ways[w].hook).members[i].fell, 0);
			member_drop(&tc[i]);
		}
		assert_int_equal(the_truth(ground, ways[w].hook).fell, 0);
		removed(ground, ways[w].hook);
	}
	// The packets for TC ingress have come past XDP.
	assert_true(in > 0);
	assert_int_equal(ground_count(ground, "test:t:many", "seen"), in);
	assert_int_equal(ground_count(ground, "test:t:many:33", "seen"), in);
	for (size_t i = 0; i < NODE_CHAIN_MAX; i++)
		member_drop(&xdp[i]);
}

// ---- interfaces that come and go ----

static void an_interface_made_anew_starts_anew_and_a_detached_one_goes_on(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member member = mark("t/a");
	char path[BPFFS_PATH_MAX];
	OWNED(drop_fd) int link = -1;
	uint32_t old;

	put(ground, &member, 1, by_auto);
	send_from("peer0", 3);
	snprintf(path, sizeof(path), "%s/" GROUND_IFACE "/xdp/link", ground->tree);
	link = bpf_obj_get(path);
	assert_int_equal(bpf_link_detach(link), 0);
	assert_false(the_truth(ground, HOOK_XDP).attached);
	assert_false(the_truth(ground, HOOK_XDP).renewed);
	put(ground, &member, 1, by_auto);
	send_from("peer0", 3);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 6);
	old = the_truth(ground, HOOK_XDP).iface_index;
	ground_sh("ip link del " GROUND_IFACE " && ip link add " GROUND_IFACE
		  " type veth peer name peer0 && ip link set " GROUND_IFACE
		  " up && ip link set peer0 up");
	assert_int_not_equal(the_truth(ground, HOOK_XDP).iface_index, old);
	assert_true(the_truth(ground, HOOK_XDP).renewed);
	put(ground, &member, 1, by_auto);
	assert_false(the_truth(ground, HOOK_XDP).renewed);
	send_from("peer0", 3);
	assert_int_equal(ground_count(ground, "test:t:a", "seen"), 3);
	member_drop(&member);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(others_before_and_after_a_tcx_chain_are_told_with_what_they_are),
		ON_GROUND(a_tc_chain_sees_real_packets_in_order_by_tcx_and_by_clsact),
		ON_GROUND(auto_takes_tcx_where_the_kernel_has_it),
		ON_GROUND(the_filters_of_others_still_see_what_a_chain_lets_on),
		ON_GROUND(a_tcx_chain_lets_packets_on_to_clsact_filters_of_others),
		ON_GROUND(a_foreign_filter_in_our_place_is_named_and_left_alone),
		ON_GROUND(filters_before_and_after_ours_are_told_by_the_order_that_the_kernel_has),
		ON_GROUND(only_our_filter_goes_and_our_qdisc_only_when_it_is_empty),
		ON_GROUND(a_filter_that_somebody_deleted_is_found_and_comes_back),
		ON_GROUND(another_program_under_our_filters_name_is_replaced_in_place),
		ON_GROUND(a_filter_whose_verdicts_do_not_count_is_found_and_put_right),
		ON_GROUND(what_comes_while_a_hook_is_read_differs_at_the_next_look),
		ON_GROUND(a_changed_policy_replaces_the_root_in_our_filter),
		ON_GROUND(a_filter_whose_pins_are_gone_is_taken_over),
		ON_GROUND(the_older_ingress_qdisc_serves_ingress_and_is_refused_for_egress),
		ON_GROUND(a_change_of_way_leaves_no_packet_without_a_chain),
		ON_GROUND(what_a_crash_between_two_ways_leaves_is_found_and_mended),
		ON_GROUND(xdp_changes_its_mode_as_the_config_does_and_keeps_its_maps),
		ON_GROUND(a_driver_without_native_xdp_is_refused_unless_the_config_allows_generic),
		ON_GROUND(the_kernel_knows_no_array_of_programs_on_a_card),
		ON_GROUND(a_chain_for_a_card_that_is_not_there_is_refused_and_leaves_nothing),
		ON_GROUND(what_was_put_under_our_link_meanwhile_is_not_replaced_unseen),
		ON_GROUND(chains_of_33_run_to_their_end_on_every_hook),
		ON_GROUND(an_interface_made_anew_starts_anew_and_a_detached_one_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
