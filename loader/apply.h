// SPDX-License-Identifier: Apache-2.0
// Makes a plan so: every new chain is built before the first one is entered.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/chain.h"
#include "loader/plan.h"

// Borrowed for the call.
struct apply_places {
	const struct node *node;
	const char *tree;
	int loader_dirfd, logs_dirfd;
	const char *logs_path;
	const struct events *events; // for probes; may be NULL
	int64_t now;
	int64_t (*ticks_us)(void); // a steady clock
	const char *event;	   // in the audit log; NULL: "apply"
	// What is left to do when every chain is entered and recorded: called while packets leave what was replaced. Not where
	// something was refused, and not where nothing was to be done. NULL: nothing.
	void (*meanwhile)(void *ctx);
	void *ctx;
};

// What was done with one chain of the plan.
struct apply_chain {
	const struct plan_chain *plan;
	struct chain *chain; // NULL when it was removed or kept
	struct json *record; // of that chain
	bool done;
	bool lost; // its interface has gone since the plan
	int64_t switch_us;
};

struct apply {
	struct apply_chain *chains; // as many as the plan has
	size_t count;
};
void apply_drop(struct apply *apply);

// All or nothing: until every chain is built, nothing is entered. An interface that goes meanwhile loses its chain
// alone. A chain that the kernel refuses at the switch itself is reported, and those before it stay as they are
// recorded. `out` says what was done, also after a refusal.
int apply_plan(const struct apply_places *places, struct plan *plan, struct apply *out,
	       struct fault *why) MUST_CHECK;
