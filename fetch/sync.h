// SPDX-License-Identifier: Apache-2.0
// The node's side of the network: refresh each repository's metadata, fetch what node.json uses, make the new state
// current. Verifies everything; decides nothing about what runs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "fetch/download.h"
#include "fetch/outcome.h"

struct sync_options {
	const char *root;   // --root, or NULL
	const char *config; // node.json by path, or NULL for the one below root
	int64_t now;
	// Or NULL: asked for `now` once the store is ours, for waiting for it takes time.
	int64_t (*clock)(void);
	struct download_limits limits;
	unsigned lock_wait_ms;
	// One line of progress, or NULL.
	void (*say)(void *ctx, const char *line);
	void *ctx;
};

// One pass. Returns 0 with an outcome, which has the refusals of each repository and bundle. -1 only when the pass could not
// start: node.json, the store, the lock. `*out` is the caller's.
int sync_run(const struct sync_options *options, struct outcome **out, struct fault *why)
	MUST_CHECK;

// How long to wait before pass number `pass` (0 is the first and starts at once) of a sync every `every_s` seconds, in ms.
// `host` is any number that differs between hosts: it spreads the second pass of a fleet over a whole interval, so that nodes
// that booted together do not stay synchronized. `random` adds up to a tenth.
uint64_t sync_wait_ms(int64_t every_s, uint64_t pass, uint64_t host, uint64_t random);
