// SPDX-License-Identifier: Apache-2.0
#include "loader/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"

// enum bpf_attach_type and its flag, as kernels since 6.6 number them.
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47
#define ATTACH_BEFORE	   (1u << 3)
#define ATTACH_AFTER	   (1u << 4)
#define ATTACH_BY_ID	   (1u << 5)

#define TCX_PROGRAMS_MAX 64 // of one hook: the kernel's own limit

#define MAPS_USED_MAX 64 // of one program: the kernel's own limit

int sys_link(int link_fd, struct sys_link *out, struct fault *why)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(link_fd, &info, &len))
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a link");
	// XDP and TCX links both answer with the interface in the same place.
	*out = (struct sys_link){
		.id = info.id, .program_id = info.prog_id, .ifindex = info.xdp.ifindex};
	return 0;
}

int sys_program(int program_fd, struct sys_program *out, struct fault *why)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	*out = (struct sys_program){0};
	if (bpf_obj_get_info_by_fd(program_fd, &info, &len))
		return errno == ENODEV ? 0
				       : fault_errno(why, FAULT_KERNEL,
						     "cannot ask the kernel about a program");
	*out = (struct sys_program){.id = info.id,
				    .card = info.ifindex,
				    .uid = info.created_by_uid,
				    .loaded_ns = info.load_time,
				    .map_count = info.nr_map_ids,
				    .run_count = info.run_cnt,
				    .run_ns = info.run_time_ns};
	memcpy(out->name, info.name, sizeof(out->name));
	out->name[sizeof(out->name) - 1] = '\0';
	hex_write(info.tag, sizeof(info.tag), out->tag);
	return 0;
}

void sys_program_by_id(uint32_t id, struct sys_program *out)
{
	OWNED(drop_fd) int fd = bpf_prog_get_fd_by_id(id);
	struct fault ignored = {0};

	if (fd < 0 || sys_program(fd, out, &ignored))
		*out = (struct sys_program){.id = id};
}

int sys_program_map_at(int program_fd, int map_fd, uint32_t *at, struct fault *why)
{
	uint32_t ids[MAPS_USED_MAX];
	struct bpf_prog_info info = {.nr_map_ids = MAPS_USED_MAX, .map_ids = (uintptr_t)ids};
	struct bpf_map_info map;
	__u32 len = sizeof(info);

	*at = SYS_NO_MAP;
	if (sys_map(map_fd, &map, why))
		return -1;
	if (bpf_obj_get_info_by_fd(program_fd, &info, &len))
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a program");
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_USED_MAX && *at == SYS_NO_MAP; i++)
		*at = ids[i] == map.id ? i : SYS_NO_MAP;
	return 0;
}

int sys_map(int map_fd, struct bpf_map_info *out, struct fault *why)
{
	__u32 len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	if (!bpf_obj_get_info_by_fd(map_fd, out, &len))
		return 0;
	if (errno != ENODEV)
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a map");
	memset(out, 0, sizeof(*out));
	return 0;
}

int sys_map_check(int map_fd, uint32_t type, uint32_t value_size, struct fault *why)
{
	struct bpf_map_info info;

	if (sys_map(map_fd, &info, why))
		return -1;
	if (info.type == type && info.value_size == value_size && info.key_size == sizeof(uint32_t))
		return 0;
	return fault_set(why, FAULT_NOT_FOUND, "a map of another shape has the name of ours");
}

void drop_btf(struct btf **btf)
{
	btf__free(*btf);
	*btf = NULL;
}

int sys_freeze(int map_fd, struct fault *why)
{
	if (!bpf_map_freeze(map_fd))
		return 0;
	if (errno != EBUSY)
		return fault_errno(why, FAULT_KERNEL, "cannot freeze a map");
	fault_set(why, FAULT_KERNEL, "cannot freeze a map while somebody else writes to it");
	return fault_fix(why, "find who writes to maps by their id, as only root can; then try "
			      "again");
}

int sys_slot(int array_fd, uint32_t *program_id, struct fault *why)
{
	uint32_t zero = 0;

	*program_id = 0;
	if (bpf_map_lookup_elem(array_fd, &zero, program_id) && errno != ENOENT)
		return fault_errno(why, FAULT_KERNEL, "cannot read a slot of the chain");
	return 0;
}

uint32_t sys_attach_type(enum hook hook)
{
	switch (hook) {
	case HOOK_TC_INGRESS:
		return ATTACH_TCX_INGRESS;
	case HOOK_TC_EGRESS:
		return ATTACH_TCX_EGRESS;
	case HOOK_XDP:
	default:
		return BPF_XDP;
	}
}

enum bpf_prog_type sys_program_type(enum hook hook)
{
	return hook == HOOK_XDP ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS;
}

int sys_tiny_program(enum hook hook, bool frags, int verdict)
{
	struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
				   {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = hook == HOOK_XDP ? BPF_XDP : (enum bpf_attach_type)0,
		    .prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0);

	return bpf_prog_load(sys_program_type(hook), "bpfseal_tiny", "GPL", insns, 2, &opts);
}

int sys_attach(int program_fd, uint32_t ifindex, enum hook hook, enum sys_mode mode)
{
	static const uint32_t flags[] = {[SYS_NATIVE] = XDP_FLAGS_DRV_MODE,
					 [SYS_GENERIC] = XDP_FLAGS_SKB_MODE,
					 [SYS_CARD] = XDP_FLAGS_HW_MODE};
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	if (hook == HOOK_XDP)
		opts.flags = flags[mode];
	else
		opts.flags = ATTACH_BEFORE; // relative to nothing: the head
	return bpf_link_create(program_fd, (int)ifindex,
			       (enum bpf_attach_type)sys_attach_type(hook), &opts);
}

bool sys_has_tcx(uint32_t ifindex)
{
	uint32_t count = 0;

	return !bpf_prog_query((int)ifindex, (enum bpf_attach_type)ATTACH_TCX_INGRESS, 0, NULL,
			       NULL, &count) ||
	       errno != EINVAL;
}

int sys_tcx_programs(uint32_t ifindex, enum hook hook, uint32_t *ids, uint32_t *count,
		     struct fault *why)
{
	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)sys_attach_type(hook), 0, NULL, ids,
			   count)) {
		// EINVAL: a kernel without TCX has no such attach type.
		if (errno == ENOENT || errno == EINVAL) {
			*count = 0;
			return 0;
		}
		return fault_errno(why, FAULT_KERNEL, "cannot list the programs on %s",
				   hook_name(hook));
	}
	return 0;
}

// What BPF_PROG_QUERY answers since 6.6; the headers of this build end before the last four.
struct tcx_query {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t program_ids;
	uint32_t count, unused;
	uint64_t program_flags, link_ids, link_flags, revision;
};

int sys_tcx_revision(uint32_t ifindex, enum hook hook, uint64_t *out, struct fault *why)
{
	struct tcx_query query = {.ifindex = ifindex, .attach_type = sys_attach_type(hook)};

	*out = 0;
	// Older kernels refuse what they do not know (E2BIG), or have no such hook (EINVAL).
	if (syscall(__NR_bpf, BPF_PROG_QUERY, &query, sizeof(query)) && errno != E2BIG &&
	    errno != EINVAL && errno != ENOENT)
		return fault_errno(why, FAULT_KERNEL, "cannot ask about %s", hook_name(hook));
	*out = query.revision;
	return 0;
}

// BPF_PROG_DETACH as TCX takes it.
struct tcx_detach {
	uint32_t ifindex, program_fd, attach_type, flags, unused, neighbour;
	uint64_t revision;
};

int sys_tcx_detach(uint32_t ifindex, enum hook hook, uint32_t program_id, bool *found,
		   struct fault *why)
{
	uint32_t ids[TCX_PROGRAMS_MAX] = {0}, at = TCX_PROGRAMS_MAX;
	struct tcx_query query = {.ifindex = ifindex,
				  .attach_type = sys_attach_type(hook),
				  .program_ids = (uintptr_t)ids,
				  .count = TCX_PROGRAMS_MAX};
	struct tcx_detach detach = {.ifindex = ifindex, .attach_type = query.attach_type};

	*found = false;
	if (syscall(__NR_bpf, BPF_PROG_QUERY, &query, sizeof(query)))
		return errno == E2BIG || errno == EINVAL || errno == ENOENT
			       ? 0
			       : fault_errno(why, FAULT_KERNEL, "cannot ask about %s",
					     hook_name(hook));
	for (uint32_t i = 0; i < query.count && i < TCX_PROGRAMS_MAX; i++)
		if (ids[i] == program_id)
			at = i;
	if (at == TCX_PROGRAMS_MAX)
		return 0;
	*found = true;
	// Without a descriptor of the program it is named by its place: the first, or the one after another. The revision
	// makes sure that the places are still those.
	detach.flags = at ? ATTACH_AFTER | ATTACH_BY_ID : ATTACH_BEFORE;
	detach.neighbour = at ? ids[at - 1] : 0;
	detach.revision = query.revision;
	if (syscall(__NR_bpf, BPF_PROG_DETACH, &detach, sizeof(detach)))
		return errno == EBUSY ? fault_set(why, FAULT_KERNEL, "a link of its owner holds it")
				      : fault_errno(why, FAULT_KERNEL, "cannot take it off");
	return 0;
}

int sys_grace(struct fault *why)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return fault_errno(why, FAULT_KERNEL, "cannot wait for packets in flight");
	return 0;
}

int sys_kernel_config(char path[static SYS_CONFIG_PATH], struct fault *why)
{
	struct utsname about;

	if (uname(&about))
		return fault_errno(why, FAULT_OTHER, "cannot name this kernel");
	snprintf(path, SYS_CONFIG_PATH, "/boot/config-%.64s", about.release);
	return 0;
}

int sys_sealed(const void *data, size_t len, const char *name, int *out, struct fault *why)
{
	OWNED(drop_fd) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot make a memory file");
	if (file_write_all(fd, data, len, why))
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fault_errno(why, FAULT_OTHER, "cannot seal a memory file");
	*out = HAND_OVER_FD(fd);
	return 0;
}
