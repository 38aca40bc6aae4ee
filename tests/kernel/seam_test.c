// SPDX-License-Identifier: Apache-2.0
// Members sewn to their wrappers, called by them, lifted: whichever it is, a packet must not notice.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/lift.h"
#include "loader/truth.h"
#include "tests/kernel/ground.h"

#define ABORTED 0
#define DROP	1
#define PASS	2
#define TX	3

static struct member seam(const char *entry)
{
	return ground_member("t/seam", "seams.bpf.o", entry, HOOK_XDP, LINK_WRAP, NULL);
}

static struct member marker(void)
{
	return ground_member("t/mark", "marks.bpf.o", "mark1", HOOK_XDP, LINK_WRAP, NULL);
}

static struct member jumper(void)
{
	return ground_member("t/jump", "seams.bpf.o", "seam_jump", HOOK_XDP, LINK_CHAIN, NULL);
}

static void apply(const struct ground *ground, struct member *members, size_t count)
{
	ground_apply(ground, members, count);
	for (size_t i = 0; i < count; i++)
		member_drop(&members[i]);
}

static void in_generation(const struct ground *ground, const char *name, int *fd)
{
	char place[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	struct truth truth;
	struct fault why = {0};

	if (truth_read(ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why) ||
	    bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
	    bpffs_join_number(place, "gen", truth.generation, dir, &why) ||
	    bpffs_get(dir, name, fd, &why))
		fail_msg("%s", why.text);
}

// How many functions the member at a place was loaded as: a wrapper that calls is one more, a lifted program too.
static unsigned functions(const struct ground *ground, size_t place)
{
	struct bpf_prog_info info = {0};
	OWNED(drop_fd) int fd = -1;
	__u32 len = sizeof(info);
	char name[32];

	snprintf(name, sizeof(name), "prog-%zu", place);
	in_generation(ground, name, &fd);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.nr_jited_ksyms;
}

// A packet whose first byte is `first`.
static int run(const struct ground *ground, unsigned char first)
{
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	unsigned char in[64] = {first};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in));
	struct fault why = {0};
	char place[BPFFS_PATH_MAX];

	if (bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
	    anchor_newest(place, &root, &why))
		fail_msg("%s", why.text);
	assert_int_equal(bpf_prog_test_run_opts(root.program_fd, &opts), 0);
	return (int)opts.retval;
}

// ---- sewn or called ----

static void an_ordinary_program_and_its_wrapper_are_one_function(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {marker(), seam("seam_exits"), marker()};
	char way[GROUND_WAY];

	apply(ground, members, 3);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 34 1");
	assert_int_equal(functions(ground, 0), 1);
	assert_int_equal(functions(ground, 1), 2); // and the one that it calls itself
}

static void every_way_out_of_a_program_is_judged(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {seam("seam_exits"), marker()};

	apply(ground, members, 2);
	assert_int_equal(run(ground, 0), PASS);
	assert_int_equal(ground_count(ground, "test:t:mark", "seen"), 1);
	assert_int_equal(run(ground, 1), TX);
	assert_int_equal(run(ground, 2), ABORTED);
	assert_int_equal(ground_count(ground, "test:t:mark", "seen"), 1);
	assert_int_equal(run(ground, 3), PASS);
	assert_int_equal(ground_count(ground, "test:t:mark", "seen"), 2);
}

static void only_the_lower_half_of_a_verdict_is_asked(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {seam("seam_wide"), marker()};
	char way[GROUND_WAY];

	apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "35 1");
	assert_int_equal(functions(ground, 0), 1);
}

static void a_program_that_overwrites_what_is_kept_for_it_is_called_instead(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {marker(), seam("seam_deep"), marker()};
	char way[GROUND_WAY];

	apply(ground, members, 3);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 31 1");
	assert_int_equal(functions(ground, 1), 2);
	// The verifier's first answer was about our attempt, and of no interest to anybody.
	assert_int_equal(faccessat(ground->logs_dirfd, "t.seam.1.0.0.log", F_OK, 0), -1);
}

static void a_program_that_needs_its_whole_stack_is_called(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {seam("seam_full"), marker()};
	char way[GROUND_WAY];

	apply(ground, members, 2);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "32 1");
	assert_int_equal(functions(ground, 0), 2);
}

// The array that is its own.
static int aside_of(const struct ground *ground)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	struct fault why = {0};
	int fd = -1;

	if (bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
	    bpffs_join(place, "maps", maps, &why) || bpffs_join(maps, "test:t:seam", dir, &why) ||
	    bpffs_get(dir, "aside", &fd, &why))
		fail_msg("%s", why.text);
	return fd;
}

// It cannot be filled (loader/chain.c): the jump finds nothing, and what the program says then is what counts.
static void a_programs_own_tail_call_leads_nowhere_and_the_chain_goes_on(void **state)
{
	const struct ground *ground = the_ground(state);
	struct object *object = ground_object("marks.bpf.o", "mark2", HOOK_XDP);
	struct member members[] = {seam("seam_aside"), marker()};
	int program = object_program_fd(object);
	OWNED(drop_fd) int aside = -1;
	uint32_t zero = 0;
	char way[GROUND_WAY];

	apply(ground, members, 2);
	aside = aside_of(ground);
	assert_int_equal(bpf_map_update_elem(aside, &zero, &program, BPF_ANY), -EPERM);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "33 1");
	assert_int_equal(functions(ground, 0), 2);
	object_free(object);
}

// TC has loads that end a function without an exit. Sewn, they would end the chain: with "go on", past all that follows.
static void a_load_that_ends_the_program_does_not_end_the_chain(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[] = {
		ground_member("t/4", "flows.bpf.o", "flow_old", HOOK_TC_INGRESS, LINK_WRAP, NULL),
		ground_member("t/9", "flows.bpf.o", "flow_drop", HOOK_TC_INGRESS, LINK_WRAP, NULL)};
	unsigned char in[64] = {0};
	struct __sk_buff out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .ctx_out = &out, .ctx_size_out = sizeof(out));
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	struct fault why = {0};
	char place[BPFFS_PATH_MAX];

	apply(ground, members, 2);
	if (bpffs_place(ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, place, &why) ||
	    anchor_newest(place, &root, &why))
		fail_msg("%s", why.text);
	assert_int_equal(bpf_prog_test_run_opts(root.program_fd, &opts), 0);
	assert_int_equal(opts.retval, 2); // TC_ACT_SHOT
	assert_int_equal(out.mark, 49);
}

// ---- lifted ----

#define LONG (LIFT_JUMPS + 1)

static void only_the_first_of_a_long_chain_is_lifted(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LONG];
	char way[GROUND_WAY];

	for (size_t i = 0; i < LONG; i++)
		members[i] = marker();
	apply(ground, members, LONG);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 1 1 1 1 1 1 1 1 1");
	assert_int_equal(functions(ground, 0), 2);
	for (size_t i = 1; i < LONG; i++)
		assert_int_equal(functions(ground, i), 1);
}

static void a_shorter_chain_is_left_as_it_is(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LIFT_JUMPS];

	for (size_t i = 0; i < LIFT_JUMPS; i++)
		members[i] = marker();
	apply(ground, members, LIFT_JUMPS);
	for (size_t i = 0; i < LIFT_JUMPS; i++)
		assert_int_equal(functions(ground, i), 1);
}

static void the_jump_to_the_terminal_program_counts_for_the_length(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LIFT_JUMPS];
	char way[GROUND_WAY];

	for (size_t i = 0; i < LIFT_JUMPS; i++)
		members[i] = jumper();
	apply(ground, members, LIFT_JUMPS);
	assert_int_equal(ground_run(ground, way),
			 PASS); // the terminal's; a fall-through would drop
	assert_string_equal(way, "36 36 36 36 36 36 36 36 36");
	assert_int_equal(functions(ground, 0), 2);
	assert_int_equal(functions(ground, 1), 1);
}

static void a_called_program_can_be_lifted_too(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LONG];
	char way[GROUND_WAY];

	members[0] = seam("seam_full");
	for (size_t i = 1; i < LONG; i++)
		members[i] = marker();
	apply(ground, members, LONG);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "32 1 1 1 1 1 1 1 1 1");
	assert_int_equal(functions(ground, 0), 3);
	assert_int_equal(functions(ground, 1), 1);
}

static void a_chain_that_begins_with_a_refused_lift_lifts_the_next(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LONG];
	char way[GROUND_WAY];

	members[0] = seam("seam_deep");
	for (size_t i = 1; i < LONG; i++)
		members[i] = marker();
	apply(ground, members, LONG);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "31 1 1 1 1 1 1 1 1 1");
	assert_int_equal(functions(ground, 0), 2); // called
	assert_int_equal(functions(ground, 1), 2); // lifted
	assert_int_equal(functions(ground, 2), 1);
}

// The same program as a compiler without BTF leaves it: its two sections are renamed.
static struct member without_btf(void)
{
	struct member member =
		ground_member("t/bare", "bare.bpf.o", "bare", HOOK_XDP, LINK_WRAP, NULL);
	static const char name[] = ".BTF";
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};
	unsigned char *at;

	if (file_read(TEST_BPF_DIR "/bare.bpf.o", 1u << 20, &bytes, &why))
		fail_msg("%s", why.text);
	while ((at = memmem(bytes.data, bytes.len, name, sizeof(name) - 1)) != NULL)
		at[1] = 'X';
	drop_fd(&member.object_fd);
	if (sys_sealed(bytes.data, bytes.len, "bare", &member.object_fd, &why))
		fail_msg("%s", why.text);
	return member;
}

static void where_the_first_has_no_btf_the_next_is_lifted(void **state)
{
	const struct ground *ground = the_ground(state);
	struct member members[LONG];
	char way[GROUND_WAY];

	members[0] = without_btf();
	for (size_t i = 1; i < LONG; i++)
		members[i] = marker();
	apply(ground, members, LONG);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "37 1 1 1 1 1 1 1 1 1");
	assert_int_equal(functions(ground, 0), 1);
	assert_int_equal(functions(ground, 1), 2);
	assert_int_equal(functions(ground, 2), 1);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(an_ordinary_program_and_its_wrapper_are_one_function),
		ON_GROUND(every_way_out_of_a_program_is_judged),
		ON_GROUND(only_the_lower_half_of_a_verdict_is_asked),
		ON_GROUND(a_program_that_overwrites_what_is_kept_for_it_is_called_instead),
		ON_GROUND(a_program_that_needs_its_whole_stack_is_called),
		ON_GROUND(a_programs_own_tail_call_leads_nowhere_and_the_chain_goes_on),
		ON_GROUND(a_load_that_ends_the_program_does_not_end_the_chain),
		ON_GROUND(only_the_first_of_a_long_chain_is_lifted),
		ON_GROUND(a_shorter_chain_is_left_as_it_is),
		ON_GROUND(the_jump_to_the_terminal_program_counts_for_the_length),
		ON_GROUND(a_called_program_can_be_lifted_too),
		ON_GROUND(a_chain_that_begins_with_a_refused_lift_lifts_the_next),
		ON_GROUND(where_the_first_has_no_btf_the_next_is_lifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
