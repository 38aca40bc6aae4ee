// SPDX-License-Identifier: Apache-2.0
#include "loader/sight.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/sys.h"

// At most 33 of 8 bytes: one page of any size.
#define COUNTERS_LEN 4096

// The counters of a map, read without a system call. One of an earlier version cannot be mapped: then whoever looks at the
// whole chain tells.
static int map_counters(int fd, size_t count, const volatile uint64_t **out, struct fault *why)
{
	void *at;

	if (fd < 0)
		return 0;
	if (sys_map_check(fd, BPF_MAP_TYPE_ARRAY, (uint32_t)(count * sizeof(uint64_t)), why))
		return -1;
	at = mmap(NULL, COUNTERS_LEN, PROT_READ, MAP_SHARED, fd, 0);
	*out = at == MAP_FAILED ? NULL : at;
	return 0;
}

void sight_drop(struct sight *sight)
{
	if (sight->root_counter)
		munmap((void *)(uintptr_t)sight->root_counter, COUNTERS_LEN);
	if (sight->counters)
		munmap((void *)(uintptr_t)sight->counters, COUNTERS_LEN);
	*sight = (struct sight){.link_fd = -1, .slot_fd = -1};
}

int sight_take(enum hook hook, const struct truth *truth, const struct keeper *keeper,
	       struct sight *out, struct fault *why)
{
	char array[32], root_fell[32], fell[32];

	snprintf(array, sizeof(array), "root-%u/array", truth->root_number);
	snprintf(root_fell, sizeof(root_fell), "root-%u/fell", truth->root_number);
	snprintf(fell, sizeof(fell), "gen-%u/fell", truth->generation);
	*out = (struct sight){.hook = hook,
			      .by = truth->by,
			      .link_fd =
				      truth->by == TRUTH_BY_CLSACT ? -1 : keeper_fd(keeper, "link"),
			      .slot_fd = keeper_fd(keeper, array),
			      .ifindex = truth->iface_index,
			      .program = truth->link.program_id,
			      .slot = truth->slot,
			      .revision = truth->revision,
			      .count = truth->count};
	// On a card there is no slot.
	out->whole = out->slot_fd >= 0 || (truth->on_card && out->link_fd >= 0);
	// Between the truth and the keeper a pin may have changed; what is read below goes into room for ours.
	if (out->slot_fd >= 0 &&
	    sys_map_check(out->slot_fd, BPF_MAP_TYPE_PROG_ARRAY, sizeof(uint32_t), why))
		return -1;
	if (map_counters(keeper_fd(keeper, root_fell), 1, &out->root_counter, why) ||
	    map_counters(keeper_fd(keeper, fell), truth->count, &out->counters, why))
		return -1;
	out->fell[0] = truth->fell;
	for (size_t i = 0; i < truth->count; i++)
		out->fell[i + 1] = truth->members[i].fell;
	return 0;
}

bool sight_differs(const struct sight *sight)
{
	struct fault ignored = {0};
	struct sys_link link;
	uint64_t revision;
	uint32_t slot;

	// A kernel that does not answer is a difference too: somebody else shall find out why. On TCX the revision below
	// changes with a link as with everything else.
	if (sight->link_fd >= 0 && !sight->revision &&
	    (sys_link(sight->link_fd, &link, &ignored) || link.ifindex != sight->ifindex ||
	     link.program_id != sight->program))
		return true;
	if (sight->slot_fd >= 0 &&
	    (sys_slot(sight->slot_fd, &slot, &ignored) || slot != sight->slot))
		return true;
	return sight->hook != HOOK_XDP &&
	       (sys_tcx_revision(sight->ifindex, sight->hook, &revision, &ignored) ||
		revision != sight->revision);
}

uint64_t sight_fell(struct sight *sight, size_t *place)
{
	uint64_t now[NODE_CHAIN_MAX + 1], more = 0;

	memcpy(now, sight->fell, sizeof(now));
	if (sight->root_counter)
		now[0] = *sight->root_counter;
	for (size_t i = 0; sight->counters && i < sight->count; i++)
		now[i + 1] = sight->counters[i];
	for (size_t i = 0; i <= sight->count; i++) {
		// A counter that was set to zero starts anew.
		uint64_t grown = now[i] < sight->fell[i] ? now[i] : now[i] - sight->fell[i];

		if (grown && !more)
			*place = i;
		more += grown;
	}
	memcpy(sight->fell, now, sizeof(now));
	return more;
}
