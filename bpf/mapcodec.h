// SPDX-License-Identifier: Apache-2.0
// JSON values to and from the exact bytes of a map key or value, as BTF lays them out (facts: chain.md F).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

struct btf; // libbpf's

// Encodes `value` as type `type_id` of `btf` into exactly `size` bytes (zeroed first: padding must be zero). Integers by
// range and sign, bool, enum by name or number, arrays, structs by field name (unknown or missing field refuses), unions by
// one member; "10.0.0.1" and "fe80::1" and MAC texts for __be32, arrays of 4/16/6 bytes; "0x..." for 64-bit integers;
// __be16/__be32/__be64 typedefs are written big-endian. type_id 0 (no BTF): integers of 1,2,4,8 bytes, or "hex:..." of
// exactly `size` bytes. FAULT_CONFIG with the field's path.
int mapcodec_encode(const struct btf *btf, uint32_t type_id, const struct json *value, void *out,
		    size_t size, struct fault *why) MUST_CHECK;
int mapcodec_decode(const struct btf *btf, uint32_t type_id, const void *data, size_t size,
		    struct json **out, struct fault *why) MUST_CHECK;
