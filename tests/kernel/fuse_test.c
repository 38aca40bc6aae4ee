// SPDX-License-Identifier: Apache-2.0
// The one program that a chain becomes on a card, run in the host against the same chain as tail calls.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/fuse.h"
#include "loader/offload.h"
#include "tests/kernel/ground.h"

#define PACKET	 64
#define MEMBERS	 4
#define VERDICTS 6 // all that XDP has, and one that it has not

// ---- both ways ----

struct both {
	struct member members[MEMBERS];
	struct object *objects[MEMBERS];
	size_t count;
	struct anchor root; // of the chain of tail calls
	int fused_fd;
};

static struct object *part(const struct member *member)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct object *object = NULL;
	struct fault why = {0};

	assert_int_equal(file_read_fd(member->object_fd, 1u << 20, &bytes, &why), 0);
	const struct object_source source = {.data = bytes.data,
					     .len = bytes.len,
					     .entry = member->program->entry,
					     .hook = HOOK_XDP,
					     .is_part = true,
					     .label = "a part",
					     .logs_dirfd = -1};

	if (object_open(&source, &object, &why) || object_load(object, NULL, &why))
		fail_msg("%s", why.text);
	return object;
}

static int join(const struct both *both, struct fault *why)
{
	struct fuse_part parts[MEMBERS];
	OWNED(code_drop) struct code code = {0};
	struct offload_source source = {
		.code = &code, .gpl = true, .label = "all of it", .logs_dirfd = -1};
	int fd = -1;

	for (size_t i = 0; i < both->count; i++) {
		const struct manifest_program *program = both->members[i].program;

		parts[i] = (struct fuse_part){object_code(both->objects[i]), program->continue_on,
					      program->continue_count};
	}
	if (fuse_parts(parts, both->count, &code, why) || offload_load(&source, &fd, why))
		return -1;
	return fd;
}

// The same members, each going on after the same verdicts.
static void both_up(struct both *both, const struct ground *ground, const char *const *entries,
		    size_t count, const int32_t *continue_on, size_t continue_count)
{
	struct fault why = {0};
	char place[BPFFS_PATH_MAX];

	*both = (struct both){.count = count, .root = ANCHOR_NONE};
	for (size_t i = 0; i < count; i++) {
		struct manifest_program *program;

		both->members[i] = ground_member("t/told", "told.bpf.o", entries[i], HOOK_XDP,
						 LINK_WRAP, NULL);
		program = both->members[i].manifest->programs;
		memcpy(program->continue_on, continue_on, continue_count * sizeof(*continue_on));
		program->continue_count = continue_count;
		both->objects[i] = part(&both->members[i]);
	}
	ground_apply(ground, both->members, count);
	if (bpffs_place(ground->tree, GROUND_IFACE, HOOK_XDP, place, &why) ||
	    anchor_newest(place, &both->root, &why))
		fail_msg("%s", why.text);
	both->fused_fd = join(both, &why);
	if (both->fused_fd < 0)
		fail_msg("%s", why.text);
}

static void both_down(struct both *both)
{
	for (size_t i = 0; i < both->count; i++) {
		object_free(both->objects[i]);
		member_drop(&both->members[i]);
	}
	anchor_drop(&both->root);
	drop_fd(&both->fused_fd);
}

static uint32_t run(int program_fd, const unsigned char in[static PACKET],
		    unsigned char out[static PACKET])
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = PACKET, .data_out = out,
		    .data_size_out = PACKET, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(program_fd, &opts), 0);
	return opts.retval;
}

// Every combination of verdicts of the members. Returns in how many of them the last was reached.
static size_t compare(const struct both *both)
{
	size_t combinations = 1, reached = 0;

	for (size_t i = 0; i < both->count; i++)
		combinations *= VERDICTS;
	for (size_t n = 0; n < combinations; n++) {
		unsigned char in[PACKET] = {0}, one[PACKET], other[PACKET];
		size_t rest = n;

		for (size_t i = 1; i <= MEMBERS; i++, rest /= VERDICTS)
			in[40 + i] = (unsigned char)(rest % VERDICTS);
		assert_int_equal(run(both->root.program_fd, in, one),
				 run(both->fused_fd, in, other));
		assert_memory_equal(one, other, PACKET);
		assert_true(one[14] >= 1);
		reached += one[14] == both->count;
	}
	return reached;
}

static uint64_t counted(const struct both *both, size_t index)
{
	uint32_t zero = 0;
	uint64_t count = 0;

	assert_int_equal(
		bpf_map_lookup_elem(ground_object_map(both->objects[index], "seen"), &zero, &count),
		0);
	return count;
}

static const char *const four[] = {"told4", "told1", "told2", "told3"};

static void it_does_what_the_chain_does_after_every_verdict_of_every_member(void **state)
{
	static const int32_t sets[][5] = {
		{XDP_PASS}, {XDP_PASS, XDP_TX}, {0, 1, 2, 3, 4}, {XDP_DROP, 77}};
	static const size_t sizes[] = {1, 2, 5, 2};
	const struct ground *ground = the_ground(state);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t goes_on = sizes[i] - (i == 3); // no packet says 77
		struct both both;

		both_up(&both, ground, four, MEMBERS, sets[i], sizes[i]);
		assert_int_equal(compare(&both), goes_on * goes_on * goes_on * VERDICTS);
		assert_int_equal(counted(&both, 0), VERDICTS * VERDICTS * VERDICTS * VERDICTS);
		assert_int_equal(counted(&both, 3), goes_on * goes_on * goes_on * VERDICTS);
		both_down(&both);
	}
}

static void fewer_members_are_as_good(void **state)
{
	static const char *const three[] = {"told1", "told2", "told3"};
	const struct ground *ground = the_ground(state);
	const int32_t pass = XDP_PASS;

	for (size_t count = 1; count < MEMBERS; count++) {
		struct both both;

		both_up(&both, ground, three, count, &pass, 1);
		assert_int_equal(compare(&both), VERDICTS);
		both_down(&both);
	}
}

// The program that calls the members is one function more.
static void what_is_too_deep_only_together_is_refused_and_told(void **state)
{
	static const char *const entries[] = {"told1", "told5"};
	const int32_t pass = XDP_PASS;
	struct both both = {.count = 2, .root = ANCHOR_NONE, .fused_fd = -1};
	struct fault why = {0};

	the_ground(state);
	for (size_t i = 0; i < both.count; i++) {
		both.members[i] = ground_member("t/told", "told.bpf.o", entries[i], HOOK_XDP,
						LINK_WRAP, NULL);
		both.members[i].manifest->programs->continue_on[0] = pass;
		both.objects[i] = part(&both.members[i]);
	}
	assert_int_equal(join(&both, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "refuses all of it: the call stack of 9 frames"));
	both_down(&both);
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(it_does_what_the_chain_does_after_every_verdict_of_every_member),
		ON_GROUND(fewer_members_are_as_good),
		ON_GROUND(what_is_too_deep_only_together_is_refused_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
