// SPDX-License-Identifier: Apache-2.0
// Who loaded program 1234? The kernel tells only who has CAP_SYS_ADMIN. Where node.json grants it, one small process of
// its own holds that and nothing else: it takes ids over a socket, and answers name, tag, owner and load time. A descriptor it
// hands out of no program but those for XDP that node.json says may be evicted: the kernel takes off what it is shown.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"
#include "loader/sys.h"

struct namer {
	int fd; // -1: none, nobody is named
	pid_t pid;
	bool silent; // its last answer has not come yet
};
#define NAMER_NONE                  \
	{                           \
		.fd = -1, .pid = -1 \
	}

struct watchrule;
// Starts it when node.json grants it; as root, before privileges and files are given up. Where it is not granted, `out`
// becomes NAMER_NONE and that is no refusal. `hands`: namer_hand is asked of it, for what the rule evicts as it is now.
int namer_start(const struct watchrule *rule, bool hands, struct namer *out, struct fault *why)
	MUST_CHECK;
// Ends it.
void namer_drop(struct namer *namer);

// Fills out->id, and the rest where somebody knows: true then. False for a program that is gone, without a namer, and while it
// does not answer: that is waited for once, and not again until it has.
bool namer_ask(struct namer *namer, uint32_t id, struct sys_program *out);
// Makes *program a descriptor of a program of somebody else, the caller's. False, and -1, as above, and for every program that
// is not in its rule.
bool namer_hand(struct namer *namer, uint32_t id, int *program);
