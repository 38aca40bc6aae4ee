// SPDX-License-Identifier: Apache-2.0
#include "loader/truth.h"

#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/filter.h"
#include "loader/iface.h"
#include "loader/probes.h"

#define TRUTH_TCX_MAX 64 // the kernel allows no more on one hook

const char *truth_by_name(enum truth_by by)
{
	static const char *const names[] = {
		[TRUTH_BY_NONE] = "none",
		[TRUTH_BY_XDP] = "xdp",
		[TRUTH_BY_TCX] = "tcx",
		[TRUTH_BY_CLSACT] = "clsact",
	};

	return names[by];
}

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

// What the jump behind a place reaches: through the array that its program works with, not one that has its name.
static int slot_behind(const char *dir, size_t index, struct truth *truth, uint32_t *out,
		       struct fault *why)
{
	OWNED(drop_fd) int array = -1, program = -1;
	char name[32];
	uint32_t at;

	*out = 0;
	snprintf(name, sizeof(name), "next-%zu", index);
	if (maybe_get(dir, name, &array, why))
		return -1;
	snprintf(name, sizeof(name), "prog-%zu", index);
	if (maybe_get(dir, name, &program, why))
		return -1;
	if (array < 0 || program < 0)
		return 0;
	if (sys_map_check(array, BPF_MAP_TYPE_PROG_ARRAY, sizeof(*out), why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (sys_program_map_at(program, array, &at, why))
		return -1;
	if (at == SYS_NO_MAP)
		return 0;
	truth->members[index].jumps_by = at + 1;
	return sys_slot(array, out, why);
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
	// Whatever has that name and is not ours is as good as nothing.
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size > sizeof(counters) ||
	    info.value_size % sizeof(uint64_t))
		return 0;
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
		    probes_alive(dir, i, &member->probes, why))
			return -1;
		member->slot = i ? out->members[0].program.id : out->slot;
		if (i && !out->members[0].program.card &&
		    slot_behind(dir, i - 1, out, &member->slot, why))
			return -1;
	}
	if (maybe_get(dir, "end", &end_fd, why) || (end_fd >= 0 && sys_program(end_fd, &end, why)))
		return -1;
	out->has_end = end_fd >= 0;
	out->end_id = end.id;
	out->end_slot = 0;
	return out->has_end && out->count
		       ? slot_behind(dir, out->count - 1, out, &out->end_slot, why)
		       : 0;
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
	if (bad)
		return fault_forgive(why, FAULT_NOT_FOUND);
	out->root_number = root.number;
	out->root_id = root.program_id;
	out->verdict = root.verdict;
	out->frags = root.frags;
	out->on_card = root.on_card;
	out->slot = root.program_id;
	memcpy(out->root_tag, root.tag, sizeof(out->root_tag));
	if (!root.on_card && sys_slot(root.array_fd, &out->slot, why))
		return -1;
	return anchor_fell(&root, &out->fell, why);
}

static int truth_link(const char *place, enum hook hook, struct truth *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (maybe_get(place, "link", &fd, why))
		return -1;
	out->linked = fd >= 0;
	if (fd < 0)
		return 0;
	out->by = hook == HOOK_XDP ? TRUTH_BY_XDP : TRUTH_BY_TCX;
	return sys_link(fd, &out->link, why);
}

// ---- who else is there ----

static void others_add(struct truth_others *others, const struct truth_other *other)
{
	if (others->count < TRUTH_OTHERS_MAX)
		others->list[others->count] = *other;
	others->count++;
}

static struct truth_other other_of(const struct filter *filter)
{
	struct truth_other other = {
		.program_id = filter->program_id, .pref = filter->pref, .handle = filter->handle};

	memcpy(other.kind, filter->kind, sizeof(other.kind));
	memcpy(other.name, filter->name, sizeof(other.name));
	return other;
}

static void truth_xdp(const struct iface *iface, struct truth *out)
{
	const struct truth_other card = {.kind = "xdp", .program_id = iface->xdp_on_card};
	const struct truth_other host = {.kind = "xdp", .program_id = iface->xdp_program};
	// The index alone may be that of another interface, where ours was moved to another namespace.
	bool here = out->linked && out->link.ifindex == iface->index;
	bool on_card = here && iface->xdp_on_card && out->link.program_id == iface->xdp_on_card;

	out->iface_program = iface->xdp_program;
	out->card_program = iface->xdp_on_card;
	out->xdp_mode = on_card ? XDP_ATTACHED_HW : iface->xdp_mode;
	out->attached = on_card || (here && out->link.program_id == iface->xdp_program);
	if (!out->attached)
		out->instead = iface->xdp_program;
	if (out->attached && iface->xdp_on_card && !on_card)
		others_add(&out->before, &card);
	if (on_card && iface->xdp_program != iface->xdp_on_card)
		others_add(&out->after, &host);
}

// Where our filter stands, ours counts as attached by it unless a link holds it already.
static void truth_filter_ours(const struct filter *filter, struct truth *out)
{
	if (out->attached) {
		out->doubled = true;
		return;
	}
	out->by = TRUTH_BY_CLSACT;
	out->linked = out->attached = true;
	out->idle = !filter_counts(filter);
	out->link =
		(struct sys_link){.program_id = filter->program_id, .ifindex = out->iface_index};
}

// The TCX programs of a hook run first, then its filters.
static int truth_tc(enum hook hook, struct truth *out, struct fault *why)
{
	uint32_t ids[TRUTH_TCX_MAX] = {0}, count = TRUTH_TCX_MAX, ours = TRUTH_TCX_MAX;
	OWNED(drop_heap) struct filter *filters = NULL;
	size_t filter_count, filter_ours = SIZE_MAX;

	// First: what changes while we read shall show at the next look, which compares this.
	if (sys_tcx_revision(out->iface_index, hook, &out->revision, why) ||
	    sys_tcx_programs(out->iface_index, hook, ids, &count, why) ||
	    filter_list(out->iface_index, hook, &filters, &filter_count, why))
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (out->linked && ids[i] == out->link.program_id)
			ours = i;
	out->attached = ours != TRUTH_TCX_MAX && out->link.ifindex == out->iface_index;
	for (size_t i = 0; i < filter_count; i++) {
		if (filter_is_ours(&filters[i])) {
			filter_ours = i;
			truth_filter_ours(&filters[i], out);
		} else if (filter_is_in_the_way(&filters[i]) && !out->blocked) {
			out->blocked = true;
			out->blocker = other_of(&filters[i]);
		}
	}
	if (!out->attached) {
		out->instead = count ? ids[0] : filter_count ? filters[0].program_id : 0;
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct truth_other other = {.kind = "tcx", .program_id = ids[i]};
		bool first = out->by == TRUTH_BY_CLSACT || i < ours;

		if (i != ours)
			others_add(first ? &out->before : &out->after, &other);
	}
	for (size_t i = 0; i < filter_count; i++) {
		const struct truth_other other = other_of(&filters[i]);
		bool first = out->by == TRUTH_BY_CLSACT && i < filter_ours;

		if (i != filter_ours)
			others_add(first ? &out->before : &out->after, &other);
	}
	return 0;
}

// Whether the chain that `out` speaks of shows on an interface.
static int shows_on(const struct iface *iface, enum hook hook, const struct truth *out, bool *shows,
		    struct fault *why)
{
	uint32_t ids[TRUTH_TCX_MAX] = {0}, count = TRUTH_TCX_MAX;
	OWNED(drop_heap) struct filter *filters = NULL;
	size_t filter_count = 0;

	*shows = out->linked && hook == HOOK_XDP &&
		 (iface->xdp_program == out->link.program_id ||
		  iface->xdp_on_card == out->link.program_id);
	if (hook == HOOK_XDP)
		return 0;
	if (sys_tcx_programs(iface->index, hook, ids, &count, why) ||
	    filter_list(iface->index, hook, &filters, &filter_count, why))
		return -1;
	for (uint32_t i = 0; out->linked && i < count; i++)
		*shows |= ids[i] == out->link.program_id;
	for (size_t i = 0; i < filter_count; i++)
		*shows |= filter_is_ours(&filters[i]);
	return 0;
}

// A link lives as long as its interface does, under whatever name and wherever; a filter stays in its namespace.
static int truth_elsewhere(enum hook hook, struct truth *out, struct fault *why)
{
	uint32_t index = out->linked && out->link.ifindex ? out->link.ifindex : out->noted_index;
	struct iface iface;
	bool shows;

	out->elsewhere = out->linked && out->link.ifindex;
	if (!index)
		return 0;
	if (iface_at(index, &iface, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	// An index counts in one namespace only: it is of this one where the chain shows on it.
	if (shows_on(&iface, hook, out, &shows, why))
		return -1;
	if (shows) {
		out->elsewhere = true;
		memcpy(out->now, iface.name, sizeof(out->now));
	}
	return 0;
}

static int truth_iface(const char *name, enum hook hook, struct truth *out, struct fault *why)
{
	struct iface iface = {0};

	if (iface_find(name, &iface, why)) {
		if (why->code != FAULT_CONFIG)
			return -1;
		fault_clear(why);
		return truth_elsewhere(hook, out, why);
	}
	out->iface_index = iface.index;
	if (hook != HOOK_XDP)
		return truth_tc(hook, out, why);
	truth_xdp(&iface, out);
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
	out->entered = out->linked = out->attached = true;
	return 0;
}

int truth_read_at(const char *place, const char *iface, enum hook hook, struct truth *out,
		  struct fault *why)
{
	memset(out, 0, sizeof(*out));
	if (hook == HOOK_PROBE)
		return truth_probes(place, out, why);
	out->noted_index = bpffs_noted(place, "ifindex");
	if (truth_link(place, hook, out, why) || truth_iface(iface, hook, out, why) ||
	    truth_root(place, out, why))
		return -1;
	out->renewed = out->iface_index && out->noted_index &&
		       out->noted_index != out->iface_index && !out->attached;
	return truth_find_generation(place, out, why);
}

int truth_read(const char *tree, const char *iface, enum hook hook, struct truth *out,
	       struct fault *why)
{
	char place[BPFFS_PATH_MAX];

	if (bpffs_place(tree, iface, hook, place, why))
		return -1;
	return truth_read_at(place, iface, hook, out, why);
}

int truth_of_generation(const char *place, uint32_t generation, struct truth *out,
			struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	memset(out, 0, sizeof(*out));
	out->generation = generation;
	return bpffs_join_number(place, "gen", generation, dir, why) ||
			       truth_generation(dir, out, why)
		       ? -1
		       : 0;
}
