// SPDX-License-Identifier: Apache-2.0
// How a chain stands on its hook, and who else stands there: TCX, clsact, XDP modes, with packets over a veth pair.
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "base/owned.h"
#include "loader/finding.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"

static bool ready;

static int up(void **state)
{
	static struct ground ground;

	if (!ready)
		return 0;
	ground_up(&ground);
	*state = &ground;
	return 0;
}

static int down(void **state)
{
	if (*state)
		ground_down(*state);
	return 0;
}

static const struct ground *the_ground(void **state)
{
	if (!ready)
		skip();
	return *state;
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
		foreign.link_fd = sys_attach(foreign.program_fd, ifindex, hook, false);
	assert_true(foreign.link_fd >= 0);
	return foreign;
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
		assert_int_equal(
			sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			sizeof(frame));
	usleep(50000); // what is still queued on the veth
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
	const struct ground *ground = the_ground(state);
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

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(others_before_and_after_a_tcx_chain_are_told_with_what_they_are),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
