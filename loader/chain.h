// SPDX-License-Identifier: Apache-2.0
// One chain on one hook: a generation is built whole beside the running one, then entered by a single write.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/manifest.h"
#include "bpf/node.h"
#include "bpf/policy.h"
#include "loader/attach.h"
#include "loader/events.h"
#include "loader/fall.h"
#include "loader/maps.h"
#include "loader/member.h"
#include "loader/sys.h"
#include "loader/types.h"

// What to build, and where. Borrowed until the chain is freed.
struct chain_spec {
	const char *iface;
	enum hook hook;
	struct attach_wish wish; // how the admin allows it to be attached
	bool renew_root;	 // the root that stands there is not to be trusted
	const struct member *members;
	size_t count;
	const struct policy *policy;
	const char *tree; // bpffs_open_tree
	int logs_dirfd;
	const char *logs_path;
	const struct events *events; // for probes; may be NULL
	struct types *types;	     // of the kernel, for all chains; NULL: each program reads them
};

struct chain;

// What was loaded, in order.
struct chain_program {
	struct sys_program program;
	struct maps_report maps;
	struct fall_ways falls; // of a member that jumps by itself
	size_t probes;		// that ride along
};

// Checks the length (A90) and whose the hook is (A88), loads every member, fills and freezes the arrays, pins all of it,
// writes the admin's map values. No packet has seen anything of it yet; on a refusal nothing of it is left.
int chain_build(const struct chain_spec *spec, struct chain **out, struct fault *why) MUST_CHECK;
// Without chain_commit before, removes what was built.
void chain_free(struct chain *chain);
static inline void chain_drop(struct chain **chain)
{
	chain_free(*chain);
	*chain = NULL;
}

uint32_t chain_generation(const struct chain *chain);
const struct chain_program *chain_program(const struct chain *chain, size_t index);

// The switch: one write into the root's slot; for a new hook the attachment. Until it returns 0 the old chain runs.
// FAULT_NOT_FOUND when the interface has gone since.
int chain_commit(struct chain *chain, struct fault *why) MUST_CHECK;
// How the hook was entered: "switched", "attached (native)" or another way, "root replaced".
const char *chain_how(const struct chain *chain);
// Whether something of ours stood there before, in which packets may still be: then chain_release needs a wait
// (sys_grace) after the commit.
bool chain_replaces(const struct chain *chain);
// After the commit: waits, where that is needed, until no packet is in the old generation, then lets go of it and of older leftovers.
int chain_settle(struct chain *chain, struct fault *why) MUST_CHECK;
// The same where the caller has waited (sys_grace) since the commit, once for many chains.
int chain_release(struct chain *chain, struct fault *why) MUST_CHECK;

// Detaches and forgets the chain of a place (bpffs_place). Absent is fine.
int chain_remove(const char *place, struct fault *why) MUST_CHECK;

// For a chain that is to stay as it is: finishes what a crash after its commit left undone.
int chain_tidy(const char *place, uint32_t generation, uint32_t root, struct fault *why) MUST_CHECK;

// Removes every generation and root but these: what a crash left half built, or the switch left behind.
int chain_clean(const char *place, uint32_t keep_generation, uint32_t keep_root, struct fault *why)
	MUST_CHECK;
