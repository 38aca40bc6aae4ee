// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/jumps.h"
#include "bpf/node.h"
#include "loader/fit.h"

static const struct manifest_program wrap = {.linkage = LINK_WRAP}, chain = {.linkage = LINK_CHAIN},
				     own_map = {.linkage = LINK_OWN_MAP},
				     terminal = {.linkage = LINK_TERMINAL},
				     tc = {.linkage = LINK_WRAP, .hook = HOOK_TC_INGRESS};

static struct member member_of(const char *name, const struct manifest_program *program,
			       uint32_t jumps_most, const char *section)
{
	struct member member = {
		.name = (char *)(uintptr_t)name, .program = program, .jumps_most = jumps_most};

	snprintf(member.section, sizeof(member.section), "%s", section);
	return member;
}

static struct member ordinary(const char *name)
{
	return member_of(name, &wrap, 0, "xdp");
}

static void fits(const struct member *members, size_t count)
{
	struct fault why = {0};

	if (fit_check(members, count, &why))
		fail_msg("%s (%s)", why.text, why.cause);
}

static void refused(const struct member *members, size_t count, const char *text, const char *cause)
{
	struct fault why = {0};

	assert_int_equal(fit_check(members, count, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	if (!strstr(why.text, text) || !strstr(why.cause, cause))
		fail_msg("\"%s\" (%s) is not \"%s\" (%s)", why.text, why.cause, text, cause);
	assert_true(why.fix[0] || strstr(text, "stand last"));
}

static void a_terminal_program_stands_last_or_is_refused(void **state)
{
	struct member members[] = {ordinary("net/a"), member_of("net/t", &terminal, 0, "xdp"),
				   ordinary("net/b")};

	(void)state;
	fits(members, 2);
	refused(members, 3, "net/t is a terminal program: it can only be the last", "");
}

static void thirty_three_programs_fit_and_their_own_jumps_take_room(void **state)
{
	struct member members[NODE_CHAIN_MAX];

	(void)state;
	for (size_t i = 0; i < NODE_CHAIN_MAX; i++)
		members[i] = ordinary("net/a");
	fits(members, NODE_CHAIN_MAX);
	members[4] = member_of("net/parts", &wrap, 3, "xdp");
	refused(members, NODE_CHAIN_MAX,
		"a chain of 33 programs can make 36 jumps; the kernel follows 33",
		"1 to enter it + 32 from place to place + 3 by net/parts itself = 36");
	refused(members, 31, "a chain of 31 programs can make 34 jumps",
		"1 to enter it + 30 from place to place + 3 by net/parts itself = 34");
	fits(members, 30);
}

// One of a self-jumping program's tail calls is the one to the next place, the last one's to the end behind it.
static void a_program_that_jumps_by_itself_spends_one_jump_as_any_other(void **state)
{
	struct member members[NODE_CHAIN_MAX];

	(void)state;
	for (size_t i = 0; i < NODE_CHAIN_MAX; i++)
		members[i] = member_of("net/j", i % 2 ? &chain : &own_map, 1, "xdp");
	refused(members, NODE_CHAIN_MAX, "can make 34 jumps",
		"32 from place to place + 1 behind the last, which jumps by itself = 34");
	fits(members, NODE_CHAIN_MAX - 1);
	members[0].jumps_most = 3;
	refused(members, NODE_CHAIN_MAX - 1, "can make 35 jumps", "2 by net/j itself");
	members[NODE_CHAIN_MAX - 1] = ordinary("net/a");
	members[0].jumps_most = 1;
	fits(members, NODE_CHAIN_MAX);
}

static void many_that_jump_are_summed_up(void **state)
{
	struct member members[12];

	(void)state;
	for (size_t i = 0; i < 12; i++)
		members[i] = member_of("net/parts", &wrap, 2, "xdp");
	refused(members, 12, "a chain of 12 programs can make 36 jumps", "16 by others = 36");
	fits(members, 11);
	// No number is large enough to turn the sum around.
	for (size_t i = 0; i < 12; i++)
		members[i].jumps_most = JUMPS_ENDLESS - 1;
	refused(members, 12, "can make 420 jumps", "");
}

static void nothing_stands_behind_a_program_that_jumps_in_a_loop(void **state)
{
	struct member members[] = {member_of("net/loop", &wrap, JUMPS_ENDLESS, "xdp"),
				   ordinary("net/b")};

	(void)state;
	refused(members, 2, "net/loop makes tail calls in a loop", "");
	fits(members, 1);
	members[1] = members[0];
	members[0] = ordinary("net/a");
	fits(members, 2);
	// Its own way on is behind it as well.
	members[1].program = &own_map;
	refused(members, 2, "net/loop makes tail calls in a loop", "");
}

static void programs_with_and_without_frags_do_not_mix(void **state)
{
	struct member members[] = {member_of("net/a", &wrap, 0, "xdp.frags"),
				   member_of("net/b", &wrap, 0, "xdp.frags"), ordinary("net/c")};

	(void)state;
	fits(members, 2);
	refused(members, 3,
		"net/a takes packets in several buffers (SEC(\"xdp.frags\")) and net/c does not",
		"");
	refused(members + 1, 2, "net/b takes packets in several buffers", "");
	// A program of ours that stands in for a denied one is neither.
	members[2] = member_of("bpfseal-drop", &wrap, 0, "");
	fits(members, 3);
	members[0] = ordinary("net/d");
	refused(members, 2,
		"net/b takes packets in several buffers (SEC(\"xdp.frags\")) and net/d does not",
		"");
}

static void programs_for_other_places_of_the_kernel_do_not_mix(void **state)
{
	struct member members[] = {ordinary("net/a"), member_of("net/m", &wrap, 0, "xdp/devmap")};
	struct member sides[] = {member_of("net/i", &tc, 0, "tcx/ingress"),
				 member_of("net/t", &tc, 0, "tc"),
				 member_of("net/e", &tc, 0, "tc/egress")};

	(void)state;
	refused(members, 2, "net/a is built for \"xdp\" and net/m for \"xdp/devmap\"", "");
	fits(sides, 2);
	fits(sides + 1, 2);
	refused(sides, 3, "net/i is built for \"tcx/ingress\" and net/e for \"tc/egress\"", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_program_stands_last_or_is_refused),
		cmocka_unit_test(thirty_three_programs_fit_and_their_own_jumps_take_room),
		cmocka_unit_test(a_program_that_jumps_by_itself_spends_one_jump_as_any_other),
		cmocka_unit_test(many_that_jump_are_summed_up),
		cmocka_unit_test(nothing_stands_behind_a_program_that_jumps_in_a_loop),
		cmocka_unit_test(programs_with_and_without_frags_do_not_mix),
		cmocka_unit_test(programs_for_other_places_of_the_kernel_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
