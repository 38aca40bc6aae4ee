// SPDX-License-Identifier: Apache-2.0
// Programs that jump by themselves and find nothing: counted, and given the policy's verdict.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/finding.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"

#define DROP 1
#define PASS 2
#define TX   3
// With the root's jump into the chain this is all that the kernel follows.
#define ALL 32

static struct member jumping(const char *name, const char *entry, enum linkage linkage)
{
	return ground_member(name, "falls.bpf.o", entry,
			     strcmp(entry, "fall_tc") ? HOOK_XDP : HOOK_TC_INGRESS, linkage, NULL);
}

static struct member ordinary(const char *name)
{
	return ground_member(name, "marks.bpf.o", "mark1", HOOK_XDP, LINK_WRAP, NULL);
}

static struct truth the_truth(const struct ground *ground, enum hook hook)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(ground->tree, GROUND_IFACE, hook, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

static int opened(const struct ground *ground, enum hook hook, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// A pin of the running generation.
static int opened(const struct ground *ground, enum hook hook, const char *format, ...)
{
	char place[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX], name[128];
	struct fault why = {0};
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (bpffs_place(ground->tree, GROUND_IFACE, hook, place, &why) ||
	    bpffs_join_number(place, "gen", the_truth(ground, hook).generation, dir, &why) ||
	    strlen(dir) + strlen(name) + 2 > sizeof(dir))
		fail_msg("%s", why.text);
	strcat(strcat(dir, "/"), name);
	fd = bpf_obj_get(dir);
	if (fd < 0)
		fail_msg("%s is not there", dir);
	return fd;
}

static void drop_members(struct member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		member_drop(&members[i]);
}

// One packet that finds its way, then one for which no jump is left: what the two get.
static void falls(struct ground *ground, const char *entry, enum linkage linkage, int verdict)
{
	struct member members[] = {jumping("t/f", entry, linkage), ordinary("t/a")};
	char way[GROUND_WAY];

	ground_apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(the_truth(ground, HOOK_XDP).members[0].fell, 0);
	assert_int_equal(ground_run_after(ground, HOOK_XDP, ALL, way), verdict);
	assert_string_equal(way, "");
	drop_members(members, 2);
}

static uint64_t fell(const struct ground *ground, size_t place)
{
	return the_truth(ground, HOOK_XDP).members[place].fell;
}

static void what_falls_is_counted_and_gets_the_policys_verdict(void **state)
{
	static const struct {
		const char *entry;
		enum linkage linkage;
	} kinds[] = {{"fall_own", LINK_OWN_MAP},
		     {"fall_header", LINK_CHAIN},
		     {"fall_ways", LINK_OWN_MAP}};
	struct ground *ground = the_ground(state);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		ground->policy.on_fall_through_drop = false;
		falls(ground, kinds[i].entry, kinds[i].linkage, PASS);
		assert_int_equal(fell(ground, 0), 1);
		ground->policy.on_fall_through_drop = true;
		falls(ground, kinds[i].entry, kinds[i].linkage, DROP);
		assert_int_equal(fell(ground, 0), 1);
	}
}

static void a_fall_is_a_finding_that_names_the_place(void **state)
{
	struct ground *ground = the_ground(state);
	OWNED(findings_drop) struct findings findings = {0};
	struct truth truth;
	struct fault why = {0};
	char way[GROUND_WAY];

	falls(ground, "fall_own", LINK_OWN_MAP, PASS);
	ground_run_after(ground, HOOK_XDP, ALL, way);
	truth = the_truth(ground, HOOK_XDP);
	assert_int_equal(findings_damage(&findings, GROUND_IFACE, HOOK_XDP, &truth, NULL, &why), 0);
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.list[0].code, "fell_through");
	assert_non_null(strstr(findings.list[0].text, "2 packets left place 1"));
}

// Each place has its own counter: here the second runs out of jumps that the first has spent.
static void each_place_counts_for_itself(void **state)
{
	struct ground *ground = the_ground(state);
	struct member members[] = {jumping("t/f", "fall_own", LINK_OWN_MAP),
				   jumping("t/g", "fall_header", LINK_CHAIN), ordinary("t/a")};
	char way[GROUND_WAY];

	ground_apply(ground, members, 3);
	assert_int_equal(ground_run_after(ground, HOOK_XDP, ALL - 1, way), PASS);
	assert_string_equal(way, "");
	assert_int_equal(fell(ground, 0), 0);
	assert_int_equal(fell(ground, 1), 1);
	// One jump less, and it is enough for all three.
	assert_int_equal(ground_run_after(ground, HOOK_XDP, ALL - 2, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(fell(ground, 1), 1);
	drop_members(members, 3);
}

static void the_last_one_falls_before_the_end_behind_it(void **state)
{
	struct ground *ground = the_ground(state);
	struct member member = jumping("t/f", "fall_own", LINK_OWN_MAP);
	char way[GROUND_WAY];

	ground->policy.on_fall_through_drop = true;
	ground_apply(ground, &member, 1);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_int_equal(ground_run_after(ground, HOOK_XDP, ALL, way), DROP);
	assert_int_equal(fell(ground, 0), 1);
	member_drop(&member);
}

static void in_a_function_it_is_counted_and_the_program_decides(void **state)
{
	struct ground *ground = the_ground(state);

	falls(ground, "fall_function", LINK_OWN_MAP, TX);
	assert_int_equal(fell(ground, 0), 1);
}

static void what_the_code_does_not_show_is_told_and_not_guessed(void **state)
{
	struct ground *ground = the_ground(state);
	struct member members[] = {jumping("t/f", "fall_choice", LINK_OWN_MAP), ordinary("t/a")};
	struct chain_spec spec = ground_spec(ground, members, 2);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};
	char way[GROUND_WAY];

	assert_int_equal(chain_build(&spec, &chain, &why), 0);
	assert_int_equal(chain_program(chain, 0)->falls.counted, 0);
	assert_int_equal(chain_program(chain, 0)->falls.uncounted, 1);
	assert_int_equal(chain_commit(chain, &why), 0);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1");
	assert_int_equal(ground_run_after(ground, HOOK_XDP, ALL, way), TX);
	assert_int_equal(fell(ground, 0), 0);
	drop_members(members, 2);
}

// Else whoever may write to maps has his code run in a chain where all looks well.
static void nobody_fills_an_array_of_programs_that_a_member_brings(void **state)
{
	static const enum linkage linkages[] = {LINK_OWN_MAP, LINK_CHAIN, LINK_WRAP};
	static const char *const entries[] = {"fall_own", "fall_header", "fall_aside"};
	struct ground *ground = the_ground(state);

	for (size_t i = 0; i < 3; i++) {
		struct member members[] = {jumping("t/f", entries[i], linkages[i]),
					   ordinary("t/a")};
		OWNED(drop_fd) int theirs = sys_tiny_program(HOOK_XDP, false, DROP);
		OWNED(drop_fd) int self = -1;
		uint32_t zero = 0;
		char way[GROUND_WAY];

		ground_apply(ground, members, 2);
		self = opened(ground, HOOK_XDP, "maps/test:t:f/self");
		assert_int_equal(bpf_map_update_elem(self, &zero, &theirs, BPF_ANY), -EPERM);
		assert_int_equal(ground_run(ground, way), PASS);
		assert_string_equal(way, "1");
		drop_members(members, 2);
	}
}

static void a_finished_program_that_goes_nowhere_is_refused(void **state)
{
	struct ground *ground = the_ground(state);
	struct member members[] = {jumping("t/f", "fall_dead", LINK_OWN_MAP), ordinary("t/a")};
	struct chain_spec spec = ground_spec(ground, members, 2);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.cause, "what follows would be dead"));
	drop_members(members, 2);
}

// Ordinary programs are called where they have such a load (seam_test): what it ends is the call.
static void a_load_that_would_end_the_chain_on_a_short_packet_is_refused(void **state)
{
	struct ground *ground = the_ground(state);
	struct member members[] = {
		ground_member("t/f", "falls.bpf.o", "fall_short", HOOK_TC_INGRESS, LINK_OWN_MAP,
			      NULL),
		ground_member("t/1", "flows.bpf.o", "flow1", HOOK_TC_INGRESS, LINK_WRAP, NULL)};
	struct chain_spec spec = ground_spec(ground, members, 2);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	assert_int_equal(chain_build(&spec, &chain, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.cause, "past all that follows"));
	assert_non_null(strstr(why.fix, "bpf_skb_load_bytes"));
	drop_members(members, 2);
}

static void on_tc_it_is_the_same(void **state)
{
	struct ground *ground = the_ground(state);
	char way[GROUND_WAY];

	for (int drop = 0; drop < 2; drop++) {
		struct member members[] = {jumping("t/f", "fall_tc", LINK_OWN_MAP),
					   ground_member("t/1", "flows.bpf.o", "flow1",
							 HOOK_TC_INGRESS, LINK_WRAP, NULL)};

		ground->policy.on_fall_through_drop = drop;
		ground_apply(ground, members, 2);
		// The way is not kept there, only the verdict.
		assert_int_equal(ground_run_after(ground, HOOK_TC_INGRESS, 0, way),
				 -1); // the chain's end: others behind it go on
		assert_int_equal(ground_run_after(ground, HOOK_TC_INGRESS, ALL, way),
				 drop ? 2 : -1); // TC_ACT_SHOT, TC_ACT_UNSPEC
		assert_int_equal(the_truth(ground, HOOK_TC_INGRESS).members[0].fell, 1);
		drop_members(members, 2);
	}
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(what_falls_is_counted_and_gets_the_policys_verdict),
		ON_GROUND(nobody_fills_an_array_of_programs_that_a_member_brings),
		ON_GROUND(a_fall_is_a_finding_that_names_the_place),
		ON_GROUND(each_place_counts_for_itself),
		ON_GROUND(the_last_one_falls_before_the_end_behind_it),
		ON_GROUND(in_a_function_it_is_counted_and_the_program_decides),
		ON_GROUND(what_the_code_does_not_show_is_told_and_not_guessed),
		ON_GROUND(a_finished_program_that_goes_nowhere_is_refused),
		ON_GROUND(a_load_that_would_end_the_chain_on_a_short_packet_is_refused),
		ON_GROUND(on_tc_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
