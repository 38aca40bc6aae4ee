// SPDX-License-Identifier: Apache-2.0
// What the kernel says about links, programs and maps, and the few calls that libbpf 1.1 has no name for.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "bpf/manifest.h"

#define SYS_TAG_HEX (2 * BPF_TAG_SIZE + 1)

struct sys_link {
	uint32_t id, program_id;
	uint32_t ifindex; // 0: the link was detached by force, or its interface is gone
};
int sys_link(int link_fd, struct sys_link *out, struct fault *why) MUST_CHECK;

struct sys_program {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	char tag[SYS_TAG_HEX];
	uint32_t uid;
	uint64_t run_count, run_ns; // 0 unless kernel.bpf_stats_enabled is on
};
int sys_program(int program_fd, struct sys_program *out, struct fault *why) MUST_CHECK;
// The same by id. Without CAP_SYS_ADMIN the kernel answers nobody: then only the id is filled.
void sys_program_by_id(uint32_t id, struct sys_program *out);

int sys_map(int map_fd, struct bpf_map_info *out, struct fault *why) MUST_CHECK;

// The program id in slot 0 of a PROG_ARRAY; 0 when it is empty.
int sys_slot(int array_fd, uint32_t *program_id, struct fault *why) MUST_CHECK;

// Attach type and program type of a hook (TCX by number: the headers of this build predate it).
uint32_t sys_attach_type(enum hook hook);
enum bpf_prog_type sys_program_type(enum hook hook);

// Attaches a program to a hook, at its head. `generic` is XDP's slow mode. Returns -errno, else the link's descriptor.
int sys_attach(int program_fd, uint32_t ifindex, enum hook hook, bool generic);

// The programs on a TCX hook in their order; *count is the room, then the number.
int sys_tcx_programs(uint32_t ifindex, enum hook hook, uint32_t *ids, uint32_t *count,
		     struct fault *why) MUST_CHECK;

// Returns when every packet that was inside a program at the call has left it.
int sys_grace(struct fault *why) MUST_CHECK;

// A descriptor's own copy of some bytes that nobody can change any more.
int sys_sealed(const void *data, size_t len, const char *name, int *out, struct fault *why)
	MUST_CHECK;
