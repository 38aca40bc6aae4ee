// SPDX-License-Identifier: Apache-2.0
// The environment of a loader command: directories are opened first, then privileges are dropped and the sandbox is entered.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/events.h"
#include "loader/namer.h"
#include "loader/plan.h"

// What is opened before the sandbox is entered. Owned by it.
struct desk {
	int64_t now;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd, lock_fd;
	char *config_path, *store_path, *loader_path, *bpffs_path, *logs_path, *tree;
	char *output_path;     // one more directory to write in; set before desk_open, NULL: none
	struct node *node;     // NULL until desk_node
	struct events *events; // tracepoints that node.json allows
	struct namer namer; // NAMER_NONE without DESK_NAMES, or where node.json does not grant it
};
#define DESK_CLOSED                                                                            \
	{                                                                                      \
		.store_dirfd = -1, .loader_dirfd = -1, .trust_dirfd = -1, .objects_dirfd = -1, \
		.logs_dirfd = -1, .lock_fd = -1, .namer = NAMER_NONE                           \
	}

void desk_drop(struct desk *desk);

enum desk_need {
	DESK_LOCKED = 1, // wait for the loader's lock
	DESK_NAMES = 2,	 // start the namer
	DESK_EVICTS = 4, // the namer hands out what node.json lets evict
};
// Becomes the loader's user, opens its directories, enters the sandbox (base/jail.h). `needs` is a set of enum desk_need.
// Once in a process. On a refusal the process may be half confined: it should only report and exit.
int desk_open(struct desk *desk, const struct cli *cli, unsigned needs, struct fault *why)
	MUST_CHECK;
// Loads node.json into desk->node. The second time that a command parses the file: desk_open has read it as root, only for
// what has to be known before privileges are dropped (grants, tracepoints), and without the lock. It may have changed while
// the command waited for the lock; what is applied is what the file says now.
int desk_node(struct desk *desk, const struct cli *cli, struct fault *why) MUST_CHECK;
// Both borrow from the desk, and from its node where desk_node has loaded one.
struct plan_places desk_plan_places(const struct desk *desk);
int desk_admit(const struct desk *desk, const struct cli *cli, struct admit **out,
	       struct fault *why) MUST_CHECK;
