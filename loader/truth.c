// SPDX-License-Identifier: Apache-2.0
#include "loader/truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/iface.h"
#include "loader/rider.h"

// Opens a pin that may be missing: *fd stays -1 then.
static int maybe_get(const char *dir, const char *name, int *fd, struct fault *why)
{
	if (bpffs_get(dir, name, fd, why) == 0)
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	return 0;
}

static int program_at(const char *dir, const char *name, struct sys_program *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (maybe_get(dir, name, &fd, why))
		return -1;
	return fd < 0 ? 0 : sys_program(fd, out, why);
}

static int slot_at(const char *dir, const char *name, uint32_t *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (maybe_get(dir, name, &fd, why))
		return -1;
	return fd < 0 ? 0 : sys_slot(fd, out, why);
}

// The generation's map of counters has one for each member: its size says how many there are, even if pins are gone.
static int truth_fell(const char *dir, struct truth *out, struct fault *why)
{
	uint64_t counters[NODE_CHAIN_MAX] = {0};
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info info;
	uint32_t zero = 0;

	out->count = 0;
	if (maybe_get(dir, "fell", &fd, why))
		return -1;
	if (fd < 0)
		return 0;
	if (sys_map(fd, &info, why))
		return -1;
	if (info.value_size > sizeof(counters) || info.value_size % sizeof(uint64_t))
		return fault_set(why, FAULT_KERNEL, "%s/fell is not ours", dir);
	if (bpf_map_lookup_elem(fd, &zero, counters))
		return fault_errno(why, FAULT_KERNEL, "cannot read %s/fell", dir);
	out->count = info.value_size / sizeof(uint64_t);
	for (size_t i = 0; i < out->count; i++)
		out->members[i].fell = counters[i];
	return 0;
}

static int truth_generation(const char *dir, struct truth *out, struct fault *why)
{
	struct sys_program end = {0};
	OWNED(drop_fd) int end_fd = -1;
	char name[32];

	memset(out->members, 0, sizeof(out->members));
	if (truth_fell(dir, out, why))
		return -1;
	for (size_t i = 0; i < out->count; i++) {
		struct truth_member *member = &out->members[i];

		snprintf(name, sizeof(name), "prog-%zu", i);
		if (program_at(dir, name, &member->program, why) ||
		    riders_alive(dir, i, &member->probes, why))
			return -1;
		member->slot = out->slot;
		snprintf(name, sizeof(name), "next-%zu", i - 1);
		if (i && slot_at(dir, name, &member->slot, why))
			return -1;
	}
	if (maybe_get(dir, "end", &end_fd, why) || (end_fd >= 0 && sys_program(end_fd, &end, why)))
		return -1;
	out->has_end = end_fd >= 0;
	out->end_id = end.id;
	out->end_slot = 0;
	snprintf(name, sizeof(name), "next-%zu", out->count ? out->count - 1 : 0);
	return out->has_end ? slot_at(dir, name, &out->end_slot, why) : 0;
}

// The generation whose first program is in the root's slot; failing that, the newest one.
static int truth_find_generation(const char *place, struct truth *out, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	char dir[BPFFS_PATH_MAX];
	size_t count = 0;

	if (bpffs_numbers(place, "gen", &numbers, &count, why))
		return -1;
	for (size_t i = count; i-- > 0 && !out->entered;) {
		struct sys_program first = {0};

		if (bpffs_join_number(place, "gen", numbers[i], dir, why) ||
		    program_at(dir, "prog-0", &first, why))
			return -1;
		out->entered = first.id && first.id == out->slot;
		if (out->entered)
			out->generation = numbers[i];
	}
	if (!out->entered && count)
		out->generation = numbers[count - 1];
	if (!out->generation)
		return 0;
	if (bpffs_join_number(place, "gen", out->generation, dir, why))
		return -1;
	return truth_generation(dir, out, why);
}

static int truth_root(const char *place, struct truth *out, struct fault *why)
{
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	int bad = anchor_find(place, out->link.program_id, &root, why);

	if (bad && why->code == FAULT_NOT_FOUND) {
		fault_clear(why);
		bad = anchor_newest(place, &root, why);
	}
	if (bad) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	out->root_number = root.number;
	out->root_id = root.program_id;
	out->verdict = root.verdict;
	if (sys_slot(root.array_fd, &out->slot, why))
		return -1;
	return anchor_fell(&root, &out->fell, why);
}

static int truth_link(const char *place, struct truth *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (maybe_get(place, "link", &fd, why))
		return -1;
	out->linked = fd >= 0;
	return fd < 0 ? 0 : sys_link(fd, &out->link, why);
}

static int truth_iface(const char *name, enum hook hook, struct truth *out, struct fault *why)
{
	uint32_t ids[64] = {0}, count = 64;
	struct iface iface = {0};

	if (iface_find(name, &iface, why)) {
		if (why->code != FAULT_CONFIG)
			return -1;
		fault_clear(why);
		return 0;
	}
	out->iface_index = iface.index;
	out->iface_program = hook == HOOK_XDP ? iface.xdp_program : 0;
	if (hook == HOOK_XDP || !out->linked)
		return 0;
	if (sys_tcx_programs(iface.index, hook, ids, &count, why))
		return -1;
	if (count && ids[0] != out->link.program_id)
		out->before = ids[0];
	return 0;
}

// Probes have no root and no slot: the generation that counts is the one that was pointed at. Told in the words of a
// chain: the machine is the interface that is always there, and events reach each member without a jump.
static int truth_probes(const char *place, struct truth *out, struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	out->iface_index = out->link.ifindex = 1;
	if (bpffs_pointed(place, &out->generation, why))
		return -1;
	if (!out->generation)
		return 0;
	if (bpffs_join_number(place, "gen", out->generation, dir, why) ||
	    truth_generation(dir, out, why))
		return -1;
	for (size_t i = 0; i < out->count; i++)
		out->members[i].slot = out->members[i].program.id;
	out->root_id = out->link.program_id = out->slot = out->members[0].program.id;
	out->entered = out->linked = true;
	return 0;
}

int truth_read(const char *tree, const char *iface, enum hook hook, struct truth *out,
	       struct fault *why)
{
	char place[BPFFS_PATH_MAX];

	memset(out, 0, sizeof(*out));
	if (hook == HOOK_PROBE)
		return bpffs_place(tree, iface, hook, place, why) || truth_probes(place, out, why)
			       ? -1
			       : 0;
	if (bpffs_place(tree, iface, hook, place, why) || truth_link(place, out, why) ||
	    truth_iface(iface, hook, out, why) || truth_root(place, out, why))
		return -1;
	return truth_find_generation(place, out, why);
}
