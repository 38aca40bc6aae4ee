// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/ground.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"

#define OBJECT_TEST_MAX (4u << 20)

bool ground_ready(void)
{
	const char *require = getenv("BPFSEAL_REQUIRE");
	OWNED(drop_fd) int probe = -1;
	const char *reason = NULL;

	if (geteuid() != 0)
		reason = "not root";
	else if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		reason = "no namespaces of our own";
	else if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		reason = "no mounts of our own";
	else if ((probe = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "probe", 4, 4, 1, NULL)) < 0)
		reason = "the kernel refuses bpf(2)";
	if (!reason)
		return true;
	fprintf(stderr, "SKIPPED: kernel tests: %s\n", reason);
	if (require && strstr(require, "bpf"))
		fail_msg("BPFSEAL_REQUIRE asks for bpf: %s", reason);
	return false;
}

void ground_sh(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

// Frames that wait for a processor. Kernels before 5.10 do not tell.
static bool frames_wait(void)
{
	FILE *stats = fopen("/proc/net/softnet_stat", "r");
	char line[512];
	unsigned waiting = 0;

	while (stats && fgets(line, sizeof(line), stats)) {
		unsigned here = 0;

		if (sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x", &here) == 1)
			waiting |= here;
	}
	if (stats)
		fclose(stats);
	return waiting;
}

void ground_drain(void)
{
	// On a busy machine the thread that works them off has to wait for its turn as others do.
	for (int i = 0; i < 6000 && frames_wait(); i++)
		usleep(10000);
	usleep(50000); // the last that it took
}

void ground_up(struct ground *ground)
{
	struct fault why = {0};
	char path[128];

	memset(ground, 0, sizeof(*ground));
	snprintf(ground->root, sizeof(ground->root), "/tmp/bpfseal-kernel-XXXXXX");
	assert_non_null(mkdtemp(ground->root));
	ground_sh("mkdir -p %s/sys/fs/bpf %s/logs", ground->root, ground->root);
	snprintf(path, sizeof(path), "%s/sys/fs/bpf", ground->root);
	assert_int_equal(mount("bpf", path, "bpf", 0, NULL), 0);
	snprintf(ground->logs, sizeof(ground->logs), "%s/logs", ground->root);
	if (dir_open(ground->logs, &ground->logs_dirfd, &why) ||
	    bpffs_prepare(ground->root, 0, 0, &why) ||
	    bpffs_open_tree(ground->root, &ground->tree, &why))
		fail_msg("%s", why.text);
	// Neighbour discovery would be counted with the packets of the tests.
	ground_sh("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	ground_sh("ip link add " GROUND_IFACE " type veth peer name peer0");
	ground_sh("ip link set " GROUND_IFACE " up && ip link set peer0 up");
	ground->policy = (struct policy){.xdp = true,
					 .tc = true,
					 .groups = {[HELPERS_BASE] = true},
					 .map_bytes_max = 64u << 20,
					 .insns_max = 65536};
}

void ground_down(struct ground *ground)
{
	if (system("ip link del " GROUND_IFACE " 2>/dev/null"))
		fprintf(stderr, "the interface was gone\n");
	ground_sh("umount %s/sys/fs/bpf && rm -rf %s", ground->root, ground->root);
	drop_fd(&ground->logs_dirfd);
	free(ground->tree);
}

int ground_setup(void **state)
{
	static struct ground ground;
	static bool asked, ready;

	if (!asked)
		ready = ground_ready();
	asked = true;
	if (!ready)
		return 0;
	ground_up(&ground);
	*state = &ground;
	return 0;
}

int ground_teardown(void **state)
{
	if (*state)
		ground_down(*state);
	return 0;
}

struct ground *the_ground(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static struct manifest *ground_manifest(const char *object, const char *entry, enum hook hook,
					enum linkage linkage)
{
	struct manifest *manifest = calloc(1, sizeof(*manifest));
	struct manifest_program *program = calloc(1, sizeof(*program));

	assert_non_null(manifest);
	assert_non_null(program);
	*program = (struct manifest_program){
		.object = strdup(object), .entry = strdup(entry), .hook = hook, .linkage = linkage};
	if (linkage == LINK_OWN_MAP)
		program->next_map = strdup("own_next");
	program->continue_on[0] = hook == HOOK_XDP ? 2 : 0;
	program->continue_on[1] = -1;
	program->continue_count = hook == HOOK_XDP ? 1 : 2;
	manifest->programs = program;
	manifest->program_count = 1;
	return manifest;
}

struct member ground_member(const char *name, const char *object, const char *entry, enum hook hook,
			    enum linkage linkage, const char *maps)
{
	struct member member = {.object_fd = -1};
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof(path), TEST_BPF_DIR "/%s", object);
	if (file_read(path, OBJECT_TEST_MAX, &bytes, &why) ||
	    sys_sealed(bytes.data, bytes.len, object, &member.object_fd, &why))
		fail_msg("%s", why.text);
	member.name = strdup(name);
	member.version = strdup("1.0.0");
	member.from = strdup("test");
	member.manifest = ground_manifest(object, entry, hook, linkage);
	member.program = &member.manifest->programs[0];
	if (!maps)
		member.maps = json_make_object();
	else if (json_parse(maps, strlen(maps), "maps", &member.maps, &why))
		fail_msg("%s", why.text);
	return member;
}

struct object *ground_object(const char *object, const char *entry, enum hook hook)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct object *loaded = NULL;
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof(path), TEST_BPF_DIR "/%s", object);
	if (file_read(path, OBJECT_TEST_MAX, &bytes, &why))
		fail_msg("%s", why.text);
	const struct object_source source = {.data = bytes.data,
					     .len = bytes.len,
					     .entry = entry,
					     .hook = hook,
					     .label = object,
					     .logs_dirfd = -1};

	if (object_open(&source, &loaded, &why) || object_load(loaded, NULL, &why))
		fail_msg("%s", why.text);
	return loaded;
}

int ground_object_map(const struct object *object, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object_bpf(object), name);

	assert_non_null(map);
	return object_map_fd(object, map);
}

struct chain_spec ground_spec(const struct ground *ground, const struct member *members,
			      size_t count)
{
	return (struct chain_spec){.iface = GROUND_IFACE,
				   .hook = members[0].program->hook,
				   .wish = {.native_ok = true},
				   .members = members,
				   .count = count,
				   .policy = &ground->policy,
				   .tree = ground->tree,
				   .logs_dirfd = ground->logs_dirfd,
				   .logs_path = ground->logs};
}

void ground_apply(const struct ground *ground, const struct member *members, size_t count)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	if (chain_build(&spec, &chain, &why) || chain_commit(chain, &why) ||
	    chain_settle(chain, &why)) {
		fault_print(&why, stderr);
		fail_msg("the chain was not applied");
	}
}

// Calls itself by tail calls so often, and then the root.
struct spender {
	int program_fd, array_fd, left_fd;
};

static void spender_drop(struct spender *spender)
{
	drop_fd(&spender->program_fd);
	drop_fd(&spender->array_fd);
	drop_fd(&spender->left_fd);
}

#define SELF 0
#define ROOT 1

static struct spender spender_load(enum hook hook, int root_fd, uint32_t jumps)
{
	struct spender spender = {
		.array_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "spender", 4, 4, 2, NULL),
		.left_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "left", 4, 4, 1, NULL)};
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = spender.left_fd},
		{0},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 4, .src_reg = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = ROOT},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 4, .off = 3},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 4, .imm = -1},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 4},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = SELF},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = spender.array_fd},
		{0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -99},
		{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = hook == HOOK_XDP ? BPF_XDP : (enum bpf_attach_type)0);
	uint32_t self = SELF, root = ROOT, zero = 0;

	spender.program_fd = bpf_prog_load(sys_program_type(hook), "spender", "GPL", insns,
					   sizeof(insns) / sizeof(*insns), &opts);
	assert_true(spender.program_fd >= 0);
	assert_int_equal(bpf_map_update_elem(spender.left_fd, &zero, &jumps, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(spender.array_fd, &self, &spender.program_fd, 0), 0);
	assert_int_equal(bpf_map_update_elem(spender.array_fd, &root, &root_fd, 0), 0);
	return spender;
}

int ground_run(const struct ground *ground, char way[static GROUND_WAY])
{
	return ground_run_after(ground, HOOK_XDP, 0, way);
}

int ground_run_after(const struct ground *ground, enum hook hook, uint32_t jumps,
		     char way[static GROUND_WAY])
{
	OWNED(spender_drop) struct spender spender = {-1, -1, -1};
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	unsigned char in[64] = {0}, out[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	struct fault why = {0};
	char place[BPFFS_PATH_MAX];

	if (bpffs_place(ground->tree, GROUND_IFACE, hook, place, &why) ||
	    anchor_newest(place, &root, &why))
		fail_msg("%s", why.text);
	// The call of the root is one of them.
	if (jumps)
		spender = spender_load(hook, root.program_fd, jumps - 1);
	assert_int_equal(
		bpf_prog_test_run_opts(jumps ? spender.program_fd : root.program_fd, &opts), 0);
	way[0] = '\0';
	for (size_t i = 0; i < out[14] && strlen(way) + 5 < GROUND_WAY; i++)
		sprintf(way + strlen(way), "%s%u", i ? " " : "", out[15 + i]);
	return (int)opts.retval;
}

uint64_t ground_count_on(const struct ground *ground, enum hook hook, const char *key,
			 const char *map)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	OWNED(drop_fd) int fd = -1;
	struct fault why = {0};
	uint32_t zero = 0;
	uint64_t count = 0;

	if (bpffs_place(ground->tree, GROUND_IFACE, hook, place, &why) ||
	    bpffs_join(place, "maps", maps, &why) || bpffs_join(maps, key, dir, &why) ||
	    bpffs_get(dir, map, &fd, &why))
		fail_msg("%s", why.text);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &count), 0);
	return count;
}

uint64_t ground_count(const struct ground *ground, const char *key, const char *map)
{
	return ground_count_on(ground, HOOK_XDP, key, map);
}
