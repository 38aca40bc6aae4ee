// SPDX-License-Identifier: Apache-2.0
// An attacker with the rights of our own tree pins programs of his under our names, so that every jump fits.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/scan.h"
#include "tests/kernel/rival.h"
#include "tests/kernel/world.h"

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", NULL};
	struct fault why = {0};
	struct world *world;

	if (!ready)
		return 0;
	world = world_up(state, manifests);
	stock_configure(&world->stock, "[{\"use\":\"net/count\",\"version\":\"1.0.0\"},"
				       "{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	if (stock_apply(&world->stock, STOCK_NOW, &why) ||
	    bpffs_place(world->ground.tree, GROUND_IFACE, HOOK_XDP, world->place, &why))
		fail_msg("%s: %s", why.text, why.cause);
	return 0;
}

// A program that lets everything by, and has a map.
static int passes_with(int map_fd)
{
	const struct bpf_insn pass[] = {{.code = BPF_LD | BPF_DW | BPF_IMM,
					 .dst_reg = BPF_REG_1,
					 .src_reg = BPF_PSEUDO_MAP_FD,
					 .imm = map_fd},
					{0},
					{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2},
					{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass + (map_fd < 0 ? 2 : 0),
			       map_fd < 0 ? 2 : 4, &opts);

	assert_true(fd >= 0);
	return fd;
}

static void pin_over(const struct world *world, int fd, const char *name)
{
	char path[BPFFS_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", world->place, name);
	unlink(path);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
}

static int pinned(const struct world *world, const char *name)
{
	char path[BPFFS_PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", world->place, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

// BPF_PROG_BIND_MAP, as kernels since 5.10 number it.
static void bind_map(int program_fd, int map_fd)
{
	const uint32_t attr[3] = {(uint32_t)program_fd, (uint32_t)map_fd, 0};

	assert_int_equal(syscall(__NR_bpf, 35, attr, sizeof(attr)), 0);
}

// The codes that a look finds, "a b"; "" for a sound chain.
static void found(struct world *world, char codes[static 128])
{
	const struct plan_places places = stock_plan_places(&world->stock);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	codes[0] = '\0';
	if (scan_hook(&places, GROUND_IFACE, HOOK_XDP, &plan, &why))
		fail_msg("%s", why.text);
	for (size_t i = 0; i < plan->chains[0].damage.count; i++)
		snprintf(codes + strlen(codes), 128 - strlen(codes), "%s%s", i ? " " : "",
			 plan->chains[0].damage.list[i].code);
}

#define FINDS(world, want)                         \
	do {                                       \
		char codes_[128];                  \
		found(world, codes_);              \
		assert_string_equal(codes_, want); \
	} while (0)

static void mended(struct world *world)
{
	struct fault why = {0};

	if (stock_apply(&world->stock, STOCK_NOW, &why))
		fail_msg("%s: %s", why.text, why.cause);
	FINDS(world, "");
}

static void a_chain_as_it_was_applied_is_sound(void **state)
{
	FINDS(the_world(state), "");
}

static void a_program_under_the_name_of_a_member_is_told_from_it(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int pass = passes_with(-1);
	OWNED(drop_fd) int array = pinned(world, "root-1/array");
	uint32_t zero = 0;

	pin_over(world, pass, "gen-1/prog-0");
	assert_int_equal(bpf_map_update_elem(array, &zero, &pass, 0), 0);
	FINDS(world, "slot_changed program_replaced");
	mended(world);
}

static void a_generation_of_somebody_elses_is_told_from_ours(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int pass = passes_with(-1);
	OWNED(drop_fd) int array = pinned(world, "root-1/array");
	OWNED(drop_fd) int fell = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fell", 4, 8, 1, NULL);
	uint32_t zero = 0;

	ground_sh("mkdir %s/gen-7", world->place);
	pin_over(world, pass, "gen-7/prog-0");
	pin_over(world, fell, "gen-7/fell");
	assert_int_equal(bpf_map_update_elem(array, &zero, &pass, 0), 0);
	FINDS(world, "pin_missing not_as_applied");
	mended(world);
}

// Everything fits: the link runs a pinned root, whose slot holds our first program. Only its tag is another.
static void a_root_of_somebody_elses_is_told_from_ours(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int link = pinned(world, "link");
	OWNED(drop_fd) int first = pinned(world, "gen-1/prog-0");
	OWNED(drop_fd) int fell = pinned(world, "root-1/fell");
	OWNED(drop_fd) int verdict = pinned(world, "root-1/verdict");
	OWNED(drop_fd)
	int array = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "root_array", 4, 4, 1, NULL);
	OWNED(drop_fd) int pass = passes_with(array);
	uint32_t zero = 0;
	char tag[SYS_TAG_HEX];
	struct truth truth;
	struct fault why = {0};

	bind_map(pass, fell);
	bind_map(pass, verdict);
	ground_sh("mkdir %s/root-2", world->place);
	pin_over(world, pass, "root-2/prog");
	pin_over(world, array, "root-2/array");
	pin_over(world, fell, "root-2/fell");
	pin_over(world, verdict, "root-2/verdict");
	assert_int_equal(bpf_map_update_elem(array, &zero, &first, 0), 0);
	assert_int_equal(bpf_link_update(link, pass, NULL), 0);
	FINDS(world, "root_replaced");
	mended(world);
	assert_int_equal(anchor_tag(HOOK_XDP, tag, &why), 0);
	assert_int_equal(truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), 0);
	assert_string_equal(truth.root_tag, tag);
	assert_true(truth.attached);
	assert_int_equal(truth.link.program_id, truth.root_id);
}

// A84: all of it is there before we come.
static void what_is_pinned_before_the_first_apply_is_not_taken_for_ours(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd)
	int array = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "root_array", 4, 4, 1, NULL);
	OWNED(drop_fd) int fell = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fell", 4, 8, 1, NULL);
	OWNED(drop_fd) int verdict = bpf_map_create(BPF_MAP_TYPE_ARRAY, "verdict", 4, 4, 1, NULL);
	OWNED(drop_fd) int pass = passes_with(array);
	uint32_t zero = 0, xdp_pass = 2;
	char tag[SYS_TAG_HEX];
	struct truth truth;
	struct fault why = {0};

	assert_int_equal(chain_remove(world->place, &why), 0);
	ground_sh("rm %s/var/lib/bpfseal-loader/*.json", world->ground.root);
	ground_sh("mkdir -p %s/root-1 %s/gen-1", world->place, world->place);
	assert_int_equal(bpf_map_update_elem(verdict, &zero, &xdp_pass, 0), 0);
	pin_over(world, pass, "root-1/prog");
	pin_over(world, array, "root-1/array");
	pin_over(world, fell, "root-1/fell");
	pin_over(world, verdict, "root-1/verdict");
	pin_over(world, pass, "gen-1/prog-0");
	mended(world);
	assert_int_equal(anchor_tag(HOOK_XDP, tag, &why), 0);
	assert_int_equal(truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), 0);
	assert_string_equal(truth.root_tag, tag);
	assert_int_equal(truth.link.program_id, truth.root_id);
	assert_true(truth.attached && truth.entered);
	assert_string_not_equal(truth.members[0].program.name, "pass");
}

static void the_pin_of_a_map_is_missed(void **state)
{
	struct world *world = the_world(state);

	ground_sh("rm %s/gen-1/maps/corp:net:count:2/counts", world->place);
	FINDS(world, "pin_missing");
	mended(world);
}

// Arrays whose slots look right, beside programs that jump through others.
static void a_decoy_in_the_place_of_an_array_shows_nothing(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int first = pinned(world, "gen-1/prog-0");
	OWNED(drop_fd) int second = pinned(world, "gen-1/prog-1");
	OWNED(drop_fd)
	int root = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "root_array", 4, 4, 1, NULL);
	OWNED(drop_fd) int next = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "next", 4, 4, 1, NULL);
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(root, &zero, &first, 0), 0);
	assert_int_equal(bpf_map_update_elem(next, &zero, &second, 0), 0);
	pin_over(world, next, "gen-1/next-0");
	FINDS(world, "slot_changed");
	mended(world);
	pin_over(world, root, "root-1/array");
	FINDS(world, "link_replaced pin_missing");
	mended(world);
}

// The code of our root, so its tag, with an array of his own to jump through; ours is bound to it and pinned beside it.
static void a_copy_of_our_root_that_jumps_elsewhere_is_told_from_ours(void **state)
{
	const struct anchor_kind kind = {.hook = HOOK_XDP, .verdict = 2};
	struct world *world = the_world(state);
	OWNED(anchor_drop) struct anchor copy = ANCHOR_NONE;
	OWNED(drop_fd) int link = pinned(world, "link");
	OWNED(drop_fd) int array = pinned(world, "root-1/array");
	OWNED(drop_fd) int pass = passes_with(-1);
	uint32_t zero = 0;
	struct fault why = {0};

	assert_int_equal(anchor_build(world->place, &kind, 2, &copy, &why), 0);
	assert_int_equal(bpf_map_update_elem(copy.array_fd, &zero, &pass, 0), 0);
	bind_map(copy.program_fd, array);
	pin_over(world, array, "root-2/array");
	assert_int_equal(bpf_link_update(link, copy.program_fd, NULL), 0);
	FINDS(world, "link_replaced");
	mended(world);
}

static void an_array_that_was_bound_to_a_member_is_told_from_its_own(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int first = pinned(world, "gen-1/prog-0");
	OWNED(drop_fd) int second = pinned(world, "gen-1/prog-1");
	OWNED(drop_fd) int next = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "next", 4, 4, 1, NULL);
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(next, &zero, &second, 0), 0);
	bind_map(first, next);
	// The array that is jumped through loses its last user with its pin, and what it holds.
	pin_over(world, next, "gen-1/next-0");
	FINDS(world, "slot_changed");
	mended(world);
}

// One name in the tree that is a link to itself, or a directory where a pin was, must not keep us from all the others.
static void what_is_no_pin_and_no_directory_of_ours_blinds_nobody(void **state)
{
	static const char *const names[] = {"gen-%u",	   "gen-%u/prog-0", "gen-%u/fell",
					    "gen-%u/maps", "root-%u",	    "root-%u/array",
					    "maps",	   "link"};
	static const char *const deeds[] = {"ln -s x %s", "mkdir -p %s/a/b/c",
					    "ln -s /etc/passwd %s"};
	struct world *world = the_world(state);

	for (size_t i = 0; i < 3 * sizeof(names) / sizeof(*names); i++) {
		char name[64], path[BPFFS_PATH_MAX + 64], deed[BPFFS_PATH_MAX + 128], codes[128];
		struct truth truth;
		struct fault why = {0};

		assert_int_equal(
			truth_read(world->ground.tree, GROUND_IFACE, HOOK_XDP, &truth, &why), 0);
		snprintf(name, sizeof(name), names[i / 3],
			 names[i / 3][0] == 'g' ? truth.generation : truth.root_number);
		snprintf(path, sizeof(path), "%s/%s", world->place, name);
		ground_sh("rm -r %s", path);
		snprintf(deed, sizeof(deed), deeds[i % 3], path);
		ground_sh("cd %s && ln -sfn x x && %s", world->place, deed);
		found(world, codes); // which fails the test where nothing can be read
		assert_true(codes[0] || !strcmp(name, "maps"));
		ground_sh("rm -f %s/x", world->place);
		mended(world);
	}
}

// Opens each new array of programs by its id, and writes into it as long as it may.
struct writer {
	uint32_t after; // ids behind this one
	int program_fd;
	int applier; // a pidfd
};

// Whether who applies has the map open: arrays of whoever else is at work on this machine are not for us.
static bool is_of(int applier, uint32_t id)
{
	for (unsigned other = 3; other < 256; other++) {
		OWNED(drop_fd) int fd = (int)syscall(SYS_pidfd_getfd, applier, other, 0);
		struct bpf_map_info info = {0};
		__u32 len = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		    info.type == BPF_MAP_TYPE_PROG_ARRAY && info.id == id)
			return true;
	}
	return false;
}

static void write_into(struct rival_board *board, const struct writer *writer, int fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	uint32_t zero = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != BPF_MAP_TYPE_PROG_ARRAY ||
	    strcmp(info.name, "bpfseal_next") != 0 || !is_of(writer->applier, info.id))
		return;
	while (!atomic_load(&board->over) &&
	       !bpf_map_update_elem(fd, &zero, &writer->program_fd, BPF_ANY))
		atomic_fetch_add(&board->count, 1);
}

static bool write_all(struct rival_board *board, const void *ctx)
{
	const struct writer *writer = ctx;
	uint32_t id = writer->after;

	while (!atomic_load(&board->over)) {
		OWNED(drop_fd) int fd = -1;

		if (bpf_map_get_next_id(id, &id))
			continue;
		fd = bpf_map_get_fd_by_id(id);
		if (fd >= 0)
			write_into(board, writer, fd);
	}
	return true;
}

static uint32_t last_map(void)
{
	uint32_t id = 0;

	while (!bpf_map_get_next_id(id, &id))
		;
	return id;
}

// A85: between the filling of an array and its freezing there is a moment.
static void nobody_writes_into_an_array_before_it_is_frozen(void **state)
{
	struct world *world = the_world(state);
	OWNED(drop_fd) int theirs = passes_with(-1);
	OWNED(drop_fd) int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	size_t refused = 0, wrote = 0;

	for (size_t i = 0; i < 100; i++) {
		struct writer writer = {.after = last_map(), .program_fd = theirs, .applier = self};
		struct fault why = {0};
		struct rival rival;

		assert_int_equal(chain_remove(world->place, &why), 0);
		rival_start(&rival, write_all, &writer);
		if (stock_apply(&world->stock, STOCK_NOW, &why)) {
			assert_int_equal(why.code, FAULT_KERNEL);
			refused++;
		} else {
			FINDS(world, "");
		}
		wrote += rival_stop(&rival);
	}
	printf("%zu writes, %zu of 100 applies refused\n", wrote, refused);
	mended(world);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_chain_as_it_was_applied_is_sound),
		IN_WORLD(a_program_under_the_name_of_a_member_is_told_from_it),
		IN_WORLD(a_generation_of_somebody_elses_is_told_from_ours),
		IN_WORLD(a_root_of_somebody_elses_is_told_from_ours),
		IN_WORLD(what_is_pinned_before_the_first_apply_is_not_taken_for_ours),
		IN_WORLD(the_pin_of_a_map_is_missed),
		IN_WORLD(a_decoy_in_the_place_of_an_array_shows_nothing),
		IN_WORLD(a_copy_of_our_root_that_jumps_elsewhere_is_told_from_ours),
		IN_WORLD(an_array_that_was_bound_to_a_member_is_told_from_its_own),
		IN_WORLD(what_is_no_pin_and_no_directory_of_ours_blinds_nobody),
		IN_WORLD(nobody_writes_into_an_array_before_it_is_frozen),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
