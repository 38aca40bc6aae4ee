// SPDX-License-Identifier: Apache-2.0
// What a watcher has before its eyes: node.json, the record and the kernel as they were read last, chain by chain, and a
// ward for each. Read whole when a file has changed; else chain by chain.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/bell.h"
#include "loader/plan.h"
#include "loader/stamp.h"
#include "loader/ward.h"

// Borrowed.
struct scene_places {
	const char *root, *tree, *config_path;
	int loader_dirfd;
	struct bell *bell; // NULL: none
};

struct scene {
	struct scene_places places;
	struct node *node; // the last that could be read; NULL: none could
	bool node_fits;	   // the file says what `node` says
	bool applied;	   // and was applied, all of it
	struct plan *plan; // NULL: nothing has been read yet
	struct ward **wards;
	size_t count; // of wards, and of the plan's chains
	struct plan_tags tags;
	size_t room; // descriptors that may still be held
	struct stamp config, record, next, noted;
	uint32_t next_tag;
	struct node nothing;
};

void scene_init(struct scene *scene, const struct scene_places *places, size_t room);
void scene_drop(struct scene *scene);

// Whether an apply, an unload or an editor was at work since.
bool scene_is_stale(const struct scene *scene);
// Whether there are other hooks to say something about than those that are watched. Where containers are, interfaces come
// and go by the hundred: only names are read.
bool scene_differs(const struct scene *scene);
// Reads everything; all wards are suspects then, and keep what they knew. On a refusal what was read before stays. Why
// node.json was refused is in `refused`, FAULT_NONE when it was not; that alone is no refusal here.
int scene_read(struct scene *scene, struct fault *refused, struct fault *why) MUST_CHECK;
// Reads one chain again. What cannot be read is a finding of that chain.
int scene_see(struct scene *scene, size_t index, struct fault *why) MUST_CHECK;
