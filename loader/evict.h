// SPDX-License-Identifier: Apache-2.0
// Takes programs of somebody else off a hook of ours: those alone that the admin has named, and as far as the kernel lets
// us. What a bpf_link of its owner holds stays.
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
	struct namer *namer; // who says what a program is called
	enum hook hook;
	const struct truth *truth; // read just now
	// Each program of a name in the list: whether it is gone (`why` NULL), or why not.
	void (*told)(void *ctx, uint32_t program, const char *name, const struct fault *why);
	void *ctx;
};

// How many were taken off.
size_t evict_run(const struct evict *evict);
// A number for the programs of others on a hook: another number, others.
uint64_t evict_others(const struct truth *truth);
