// SPDX-License-Identifier: Apache-2.0
// What a command of the loader works with: its directories opened, its privileges given up, its jail shut.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/events.h"
#include "loader/plan.h"

// Everything that is opened before the jail shuts. `node` is the command's to load.
struct desk {
	int64_t now;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd, lock_fd;
	char *config_path, *store_path, *loader_path, *bpffs_path, *logs_path, *tree;
	char *output_path; // one more directory to write in; set before desk_open, NULL: none
	struct node *node;
	struct events *events; // tracepoints that node.json allows
};
#define DESK_CLOSED                                                                            \
	{                                                                                      \
		.store_dirfd = -1, .loader_dirfd = -1, .trust_dirfd = -1, .objects_dirfd = -1, \
		.logs_dirfd = -1, .lock_fd = -1                                                \
	}

void desk_drop(struct desk *desk);

// Becomes the loader's user, opens its directories, shuts the jail; with `locked` waits for its lock. Once in a process.
int desk_open(struct desk *desk, const struct cli *cli, bool locked, struct fault *why) MUST_CHECK;
// Both borrow from the desk; `node` must have been loaded.
struct plan_places desk_plan_places(const struct desk *desk);
int desk_admit(const struct desk *desk, const struct cli *cli, struct admit **out,
	       struct fault *why) MUST_CHECK;
