// SPDX-License-Identifier: Apache-2.0
// A run of a loader command: directories are opened first, then privileges are dropped and the sandbox is entered.
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
struct session {
	int64_t now;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd, lock_fd;
	char *config_path, *store_path, *loader_path, *bpffs_path, *logs_path, *tree;
	bool keeps_reserve; // session_drop takes it again
	char *output_path;  // one more directory to write in; set before session_open, NULL: none
	struct node *node;  // NULL until session_node
	struct events *events; // tracepoints that node.json allows
	// NAMER_NONE without SESSION_NAMES, or where node.json does not grant it.
	struct namer namer;
};
#define SESSION_CLOSED                                                                         \
	{                                                                                      \
		.store_dirfd = -1, .loader_dirfd = -1, .trust_dirfd = -1, .objects_dirfd = -1, \
		.logs_dirfd = -1, .lock_fd = -1, .namer = NAMER_NONE                           \
	}

void session_drop(struct session *session);

enum session_need {
	SESSION_LOCKED = 1, // wait for the loader's lock
	SESSION_RECORDS =
		8, // then write records: on a full disk in the room kept for them (loader/reserve.h)
	SESSION_NAMES = 2,  // start the namer
	SESSION_EVICTS = 4, // the namer hands out what node.json lets evict
};
// Becomes the loader's user, opens its directories, enters the sandbox (base/jail.h). `needs` is a set of enum session_need.
// Once in a process. On a refusal the process may be half confined: it should only report and exit.
int session_open(struct session *session, const struct cli *cli, unsigned needs, struct fault *why)
	MUST_CHECK;
// Loads node.json into session->node. The second time that a command parses the file: session_open has read it as root, only for
// what has to be known before privileges are dropped (grants, tracepoints), and without the lock. It may have changed while
// the command waited for the lock; what is applied is what the file says now.
int session_node(struct session *session, const struct cli *cli, struct fault *why) MUST_CHECK;
// Both borrow from the session, and from its node where session_node has loaded one.
struct plan_places session_plan_places(const struct session *session);
int session_admit(const struct session *session, const struct cli *cli, struct admit **out,
		  struct fault *why) MUST_CHECK;
