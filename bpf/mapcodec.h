// SPDX-License-Identifier: Apache-2.0
// The type of a map key, map value or global variable: its BTF, and the notation from the manifest. bpf/encode and bpf/decode
// convert between JSON and bytes by it.
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
// Checks that the BTF type has the stated size and that the notations fit it. FAULT_CONFIG.
int mapcodec_check(const struct mapcodec *codec, struct fault *why) MUST_CHECK;
// The notation for a field; NOTATION_TYPE: the natural one of its type. `type` is NULL where only the size is known.
enum notation mapcodec_notation(const struct mapcodec *codec, const struct spot *spot,
				const struct layout_type *type);
