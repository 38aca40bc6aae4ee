// SPDX-License-Identifier: Apache-2.0
// Repairs a damaged chain to what was applied: from what is still in the kernel, which is quick and loses nothing, or
// from our own copies, by the rules of a restore. Nothing is loaded that was not applied, except on new interfaces.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/attach.h"
#include "loader/events.h"
#include "loader/keeper.h"
#include "loader/plan.h"

// Under the loader's lock. Borrowed for the call.
struct mend_places {
	const char *root;	 // --root, for the pins of repositories
	const struct node *node; // node.json as it is now; NULL: it is invalid
	const char *tree;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd;
	const char *logs_path;
	const struct events *events; // for probes; may be NULL
	struct anchor_tags *tags;
	int64_t now;		   // Unix time, seconds
	int64_t (*ticks_us)(void); // a steady clock, microseconds
};

// Restores pins, slots and the attachment from what is in the kernel. Loads nothing but a root program of ours, if a
// foreign program is before ours on a TCX hook: the old root is detached after the new one is attached. `chain` was
// read just now (scan_chain); `keeper` is of the recorded generation, or NULL. `how` says what was done. FAULT_DRIFT
// if the recorded generation is incomplete, or may not run any more: the caller continues with mend_restore().
int mend_put_back(const struct mend_places *places, const struct plan_chain *chain,
		  const struct keeper *keeper, char how[static ATTACH_HOW], struct fault *why)
	MUST_CHECK;

// After mend_put_back: FAULT_DRIFT if the pin of a map that a program uses is lost and cannot be restored. Only a new
// generation with an empty map would help. Since the chain works, a person has to decide whether to lose the
// contents.
int mend_check_maps(const struct mend_places *places, const struct plan_chain *chain,
		    struct fault *why) MUST_CHECK;

// New interfaces, without chains of ours. Names are borrowed.
#define MEND_ARRIVALS_MAX 32
struct mend_arrivals {
	size_t count;
	const char *ifaces[MEND_ARRIVALS_MAX];
};

// Loads what node.json asks for on them, by the rules of an apply: on all of them or, after a refusal, on none. The
// caller must know that this node.json was applied. `how` likewise.
int mend_load_arrivals(const struct mend_places *places, const struct mend_arrivals *arrivals,
		       char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;

// Builds a new generation of a chain from our copies, without what is denied (fallback_plan). `how` likewise. FAULT_CONFIG if
// node.json is invalid; FAULT_DRIFT if nothing can be restored; else as restore_members.
int mend_restore(const struct mend_places *places, const char *iface, enum hook hook,
		 char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;
