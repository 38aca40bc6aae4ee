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
	uint32_t card; // index of the interface on whose card it is; 0: it is in the host
	uint32_t uid;
	uint64_t loaded_ns;	    // after boot
	uint32_t map_count;	    // that it works with, or that somebody bound to it
	uint64_t run_count, run_ns; // 0 unless kernel.bpf_stats_enabled is on
};
// Of a program whose card is gone nothing is left but its descriptor: id 0.
int sys_program(int program_fd, struct sys_program *out, struct fault *why) MUST_CHECK;
// The same by id. Without CAP_SYS_ADMIN the kernel answers nobody: then only the id is filled.
void sys_program_by_id(uint32_t id, struct sys_program *out);
// The how-manieth of a program's maps this very one is. Who has a program's descriptor can bind further maps to it
// (BPF_PROG_BIND_MAP); they come behind those that its code names.
#define SYS_NO_MAP UINT32_MAX
int sys_program_map_at(int program_fd, int map_fd, uint32_t *at, struct fault *why) MUST_CHECK;

// Of a map whose card is gone all is 0.
int sys_map(int map_fd, struct bpf_map_info *out, struct fault *why) MUST_CHECK;

// FAULT_NOT_FOUND when it is a map of another shape: to read that into room for one of ours would write past its end.
int sys_map_check(int map_fd, uint32_t type, uint32_t value_size, struct fault *why) MUST_CHECK;

// Gives back types that libbpf has read.
struct btf;
void drop_btf(struct btf **btf);

// No system call writes to the map from now on (BPF_MAP_FREEZE). Refused while somebody writes to it.
int sys_freeze(int map_fd, struct fault *why) MUST_CHECK;

// The program id in slot 0 of a PROG_ARRAY; 0 when it is empty.
int sys_slot(int array_fd, uint32_t *program_id, struct fault *why) MUST_CHECK;

// Attach type and program type of a hook (TCX by number: the headers of this build predate it).
uint32_t sys_attach_type(enum hook hook);
enum bpf_prog_type sys_program_type(enum hook hook);

// Loads `return verdict;`, the smallest program of a hook's type. Returns -1 with errno, else its descriptor.
int sys_tiny_program(enum hook hook, bool frags, int verdict);

// How XDP is attached; of no meaning to other hooks.
enum sys_mode {
	SYS_NATIVE,  // in the driver
	SYS_GENERIC, // in the network stack, slower
	SYS_CARD,    // on the card itself
};
// Attaches a program to a hook, at its head. Returns -errno, else the link's descriptor.
int sys_attach(int program_fd, uint32_t ifindex, enum hook hook, enum sys_mode mode);

// Whether this kernel has TCX (6.6 and later, where it is built in).
bool sys_has_tcx(uint32_t ifindex);

// The programs on a TCX hook in their order; *count is the room, then the number.
int sys_tcx_programs(uint32_t ifindex, enum hook hook, uint32_t *ids, uint32_t *count,
		     struct fault *why) MUST_CHECK;

// A number that changes with every change of a TCX hook; 0 where there is none.
int sys_tcx_revision(uint32_t ifindex, enum hook hook, uint64_t *out, struct fault *why) MUST_CHECK;

// Takes a program that no link holds off a TCX hook. *found is false when it is not there.
int sys_tcx_detach(uint32_t ifindex, enum hook hook, uint32_t program_id, bool *found,
		   struct fault *why) MUST_CHECK;

// Returns when every packet that was inside a program at the call has left it.
int sys_grace(struct fault *why) MUST_CHECK;

// The path of the file that has this kernel's configuration (kconfig externs), which need not exist.
#define SYS_CONFIG_PATH 128
int sys_kernel_config(char path[static SYS_CONFIG_PATH], struct fault *why) MUST_CHECK;

// A descriptor's own copy of some bytes that nobody can change any more.
int sys_sealed(const void *data, size_t len, const char *name, int *out, struct fault *why)
	MUST_CHECK;
