// SPDX-License-Identifier: Apache-2.0
// One chain on one hook. A new generation is built completely beside the running one, then made current by a single write
// into the root's slot: no packet ever sees half a chain.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/hook.h"
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
	bool renew_root;	 // replace the attached root: it is not to be trusted
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

// What was loaded for one member.
struct chain_program {
	struct sys_program program;
	struct maps_report maps;
	struct fall_ways falls; // of a member that makes its tail calls itself
	size_t probes;		// probes of the same object that were attached with it
};

// Checks the length (A90) and that no foreign program holds the hook (A88), loads every member, fills and freezes the arrays,
// pins all of it and writes the admin's map values. No packet enters it yet. `*out` is the caller's; a refusal leaves nothing
// behind. FAULT_POLICY from the gate, FAULT_KERNEL from verifier or hook, FAULT_CONFIG for values that do not fit.
int chain_build(const struct chain_spec *spec, struct chain **out, struct fault *why) MUST_CHECK;
// Without a successful chain_commit it removes what was built. NULL is fine.
void chain_free(struct chain *chain);
static inline void chain_drop(struct chain **chain)
{
	chain_free(*chain);
	*chain = NULL;
}

uint32_t chain_generation(const struct chain *chain);
// The member at `index`, from 0. Borrowed.
const struct chain_program *chain_program(const struct chain *chain, size_t index);

// The switch: one write into the root's slot; on a hook that has none of our roots yet, the attachment. Until it returns 0
// the old chain runs. FAULT_NOT_FOUND when the interface has vanished since chain_build.
int chain_commit(struct chain *chain, struct fault *why) MUST_CHECK;
// How the hook was entered: "switched", "attached (native)" or another way, "root replaced".
const char *chain_how(const struct chain *chain);
// Whether it replaced a generation that packets may still be running in: then chain_release needs a grace period (sys_grace)
// after the commit.
bool chain_replaces(const struct chain *chain);
// After the commit: waits for a grace period where one is needed, then removes the old generation and older leftovers.
int chain_settle(struct chain *chain, struct fault *why) MUST_CHECK;
// The same where the caller has waited (sys_grace) since the commit, once for many chains.
int chain_release(struct chain *chain, struct fault *why) MUST_CHECK;

// Detaches the chain of a place (bpffs_place) and removes its pins. Absent is fine.
int chain_remove(const char *place, struct fault *why) MUST_CHECK;

// Completes what follows a chain_commit, also after a crash: points "maps" to this generation, and removes all other generations and
// roots of the place, replaced and half-built ones.
int chain_tidy(const char *place, uint32_t generation, uint32_t root, struct fault *why) MUST_CHECK;
