// SPDX-License-Identifier: Apache-2.0
// All code of an object file in one array, with relocations resolved as libbpf would: which load yields the address of which
// map, which call reaches which function. For static analysis.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "bpf/inspection.h"

struct listing_function {
	const char *name, *section; // borrowed from the listing
	uint32_t at;
};

struct listing {
	struct bpf_insn *insns; // calls of its own functions are relative
	int32_t *maps;		// of each instruction: the map in `inspection` that it loads, or -1
	size_t count;
	struct listing_function *functions;
	size_t function_count;
	char *names;
};

// For an object that shape_check has accepted; its maps are in `inspection`. Must run in a worker: libelf is not hardened against
// hostile files. Relocations that cannot be resolved are replaced by instructions without a target.
int listing_make(const void *object, size_t len, const struct inspection *inspection,
		 struct listing *out, struct fault *why) MUST_CHECK;
void listing_drop(struct listing *listing);
// The instruction at which a program begins, or -1.
int64_t listing_entry(const struct listing *listing, const char *name, const char *section);
