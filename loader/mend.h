// SPDX-License-Identifier: Apache-2.0
// One damaged chain, made again as it was applied: first from what is still in the kernel, which is quick and loses
// nothing; where that is not enough, from our own copies, by the rules of a restore. Never what was not applied.
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
	const struct node *node; // as the file says now; NULL: it cannot be read
	const char *tree;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd;
	const char *logs_path;
	const struct events *events; // for probes; may be NULL
	struct anchor_tags *tags;
	int64_t now;
	int64_t (*ticks_us)(void);
};

// Puts back pins, slots and the attachment; loads nothing but a root of our own, where another program has come before
// ours on a TCX hook: there the old root leaves when the new one stands. `chain` was seen (scan_chain) just now; `keeper`
// is of the recorded generation, or NULL. FAULT_DRIFT when the recorded generation is not whole, or may not run any more: mend_restore() is next.
int mend_put_back(const struct mend_places *places, const struct plan_chain *chain,
		  const struct keeper *keeper, char how[static ATTACH_HOW], struct fault *why)
	MUST_CHECK;

// After it: FAULT_DRIFT when a map that a program works with is not behind its pin, and nobody holds it. Only a new generation
// helps, with an empty map; as the chain runs on as it should, whether to lose what is in the old one is for people.
int mend_check_maps(const struct mend_places *places, const struct plan_chain *chain,
		    struct fault *why) MUST_CHECK;

// Interfaces that have come and have nothing yet.
#define MEND_ARRIVALS_MAX 32
struct mend_arrivals {
	size_t count;
	const char *ifaces[MEND_ARRIVALS_MAX];
};

// Loads what node.json asks for on them, by the rules of an apply, and nothing else: on all or, with a refusal, on none.
// The caller knows that this node.json was applied.
int mend_load_arrivals(const struct mend_places *places, const struct mend_arrivals *arrivals,
		       char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;

// Builds the chain anew from our copies (fallback_plan), without what is denied. `how` likewise.
int mend_restore(const struct mend_places *places, const char *iface, enum hook hook,
		 char how[static ATTACH_HOW], struct fault *why) MUST_CHECK;
