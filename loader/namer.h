// SPDX-License-Identifier: Apache-2.0
// Names, tags, owners and load times of foreign programs. The kernel gives them only to CAP_SYS_ADMIN. If node.json
// grants it, a small process holds this capability and nothing else, and answers requests for program ids over a
// socket. It hands out descriptors only of XDP programs that node.json allows to evict: the kernel compares the
// descriptor with the program that it detaches.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"
#include "loader/sys.h"

struct namer {
	int fd; // -1: there is no such process
	pid_t pid;
	bool silent; // an answer is outstanding
};
#define NAMER_NONE                  \
	{                           \
		.fd = -1, .pid = -1 \
	}

struct watchrule;
// Starts the process if node.json grants it; must be called as root, before privileges are dropped. If it is not
// granted `out` becomes NAMER_NONE, which is no refusal. `hands`: namer_hand will be called, for the programs that the
// rule evicts as it is now. `out` is the caller's (namer_drop).
int namer_start(const struct watchrule *rule, bool hands, struct namer *out, struct fault *why)
	MUST_CHECK;
// Ends the process.
void namer_drop(struct namer *namer);

// Fills in `out`; true if the program is known. False, with only out->id set, for a program that is gone, without
// such a process, and if it does not answer in time. After that it is not waited for again until the answer has come.
bool namer_ask(struct namer *namer, uint32_t id, struct sys_program *out);
// Opens a foreign program: *program is a descriptor, the caller's. False, with -1, as above and for every program that the
// rule does not name.
bool namer_hand(struct namer *namer, uint32_t id, int *program);
