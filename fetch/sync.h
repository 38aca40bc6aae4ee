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

// One pass. Returns 0 with an outcome whenever the repositories were asked: refusals stand in it. -1 when nothing could be
// begun: node.json, the store, the lock.
int sync_run(const struct sync_options *options, struct outcome **out, struct fault *why)
	MUST_CHECK;

// How long to wait before pass `pass` (the first is 0 and waits for nothing) of a sync every `every_s` seconds, in ms.
// `host` is any number that differs between hosts: it spreads a fleet's second pass over one whole interval, so that
// nodes booted together do not ask together for ever. `random` adds up to a tenth.
uint64_t sync_wait_ms(int64_t every_s, uint64_t pass, uint64_t host, uint64_t random);
