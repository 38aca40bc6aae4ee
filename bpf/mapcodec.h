// SPDX-License-Identifier: Apache-2.0
// What the bytes of a map key, a map value or a global variable are: their type in BTF, and how the manifest says they are
// written. bpf/encode makes them from JSON, bpf/decode makes JSON of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/layout.h"
#include "bpf/notation.h"
#include "bpf/spot.h"

// Borrowed for each call.
struct mapcodec {
	const struct btf *btf; // NULL, or type_id 0: a size and nothing else is known
	uint32_t type_id;
	size_t size;
	const struct notations *said; // by the manifest; may be NULL
	bool prefix;		      // the key of an LPM trie
};

bool mapcodec_has_types(const struct mapcodec *codec);
// Whether the type has the size, and everything that is said fits the type. FAULT_CONFIG.
int mapcodec_check(const struct mapcodec *codec, struct fault *why) MUST_CHECK;
// How what stands at a place is to be written; NOTATION_TYPE: as its type has it. `type` is NULL where nothing is known but
// the codec's size.
enum notation mapcodec_notation(const struct mapcodec *codec, const struct spot *spot,
				const struct layout_type *type);
