// SPDX-License-Identifier: Apache-2.0
#include "loader/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"

// enum bpf_attach_type and its flag, as kernels since 6.6 number them.
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47
#define ATTACH_BEFORE	   (1u << 3)

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

	if (bpf_obj_get_info_by_fd(program_fd, &info, &len))
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a program");
	*out = (struct sys_program){.id = info.id,
				    .uid = info.created_by_uid,
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

int sys_map(int map_fd, struct bpf_map_info *out, struct fault *why)
{
	__u32 len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	if (bpf_obj_get_info_by_fd(map_fd, out, &len))
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a map");
	return 0;
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

int sys_attach(int program_fd, uint32_t ifindex, enum hook hook, bool generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	if (hook == HOOK_XDP)
		opts.flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	else
		opts.flags = ATTACH_BEFORE; // relative to nothing: the head
	return bpf_link_create(program_fd, (int)ifindex,
			       (enum bpf_attach_type)sys_attach_type(hook), &opts);
}

int sys_tcx_programs(uint32_t ifindex, enum hook hook, uint32_t *ids, uint32_t *count,
		     struct fault *why)
{
	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)sys_attach_type(hook), 0, NULL, ids,
			   count)) {
		if (errno == ENOENT) {
			*count = 0;
			return 0;
		}
		return fault_errno(why, FAULT_KERNEL, "cannot list the programs on %s",
				   hook_name(hook));
	}
	return 0;
}

int sys_grace(struct fault *why)
{
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return fault_errno(why, FAULT_KERNEL, "cannot wait for packets in flight");
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
