// SPDX-License-Identifier: Apache-2.0
// Detaches foreign programs from a hook of ours: only those that the admin has named in node.json, and only where the kernel
// allows it. A program that is attached by a bpf_link of its owner cannot be detached.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/watchrule.h"
#include "loader/namer.h"
#include "loader/truth.h"

// Borrowed for the call.
struct evict {
	const struct watchrule *rule;
	struct namer *namer; // tells the names of programs
	enum hook hook;
	const struct truth *truth; // read just now
	// Called for each program whose name is in the list: detached (`why` NULL), or why not.
	void (*told)(void *ctx, uint32_t program, const char *name, const struct fault *why);
	void *ctx;
};

// Returns how many were detached.
size_t evict_run(const struct evict *evict);
// A hash of the set of foreign programs on a hook: it changes when the set does.
uint64_t evict_others(const struct truth *truth);
