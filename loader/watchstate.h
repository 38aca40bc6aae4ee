// SPDX-License-Identifier: Apache-2.0
// The state that `watch` works on: node.json, the record and the kernel as they were read last, with a monitor for each chain.
// Everything is read again when a file has changed; otherwise single chains are.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/monitor.h"
#include "loader/plan.h"
#include "loader/stamp.h"
#include "loader/wakeup.h"

// Borrowed.
struct watchstate_places {
	const char *root, *tree, *config_path;
	int loader_dirfd;
	struct wakeup *wakeup; // NULL: none
};

struct watchstate {
	struct watchstate_places places;
	struct node *node; // the last node.json that was valid; NULL: none was
	bool node_fits;	   // the file on disk is still that one
	bool applied;	   // and it is the one that was applied (applied.h)
	struct plan *plan; // NULL: nothing has been read yet
	struct monitor **monitors;
	size_t count; // of monitors, and of the plan's chains
	struct anchor_tags tags;
	size_t room; // descriptors that keepers may still open
	struct stamp config, record, next, noted;
	uint32_t next_tag;
	struct node nothing;
};

void watchstate_init(struct watchstate *state, const struct watchstate_places *places, size_t room);
void watchstate_drop(struct watchstate *state);

// Whether node.json or one of our files was changed since it was read.
bool watchstate_is_stale(const struct watchstate *state);
// Whether the hooks to watch (roster.h) are others than those that are watched. Cheap, since containers create interfaces by
// the hundred: reads only names.
bool watchstate_differs(const struct watchstate *state);
// Reads everything. All monitors become suspects; their history is kept. On a refusal the old state stays. An invalid node.json
// is no refusal: the reason is in `refused` (else FAULT_NONE), and the last valid one stays in use.
int watchstate_read(struct watchstate *state, struct fault *refused, struct fault *why) MUST_CHECK;
// Reads one chain again. What cannot be read becomes a finding of that chain.
int watchstate_see(struct watchstate *state, size_t index, struct fault *why) MUST_CHECK;
