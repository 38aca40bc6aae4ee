// SPDX-License-Identifier: Apache-2.0
// Encodes JSON values as the exact bytes of a map key, map value or global variable.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "bpf/mapcodec.h"

// Encodes `value` into exactly the codec's size (zeroed first: padding must be zero). Integers by range and sign, bool, enum
// by name or number, arrays, structs by field name (unknown or missing field refuses), unions by one member; addresses as
// texts where the type (__be32, u8[4], u8[6], u8[16], struct in6_addr) or the manifest tells it; "10.0.0.0/8" for a prefix;
// "0x..." for integers; __be16, __be32, __be64 are written in network order. Without BTF: integers of 1, 2, 4, 8 bytes, or
// "hex:..." of exactly the size. FAULT_CONFIG with the field's path; `place` (may be NULL) says where in `value`.
int encode_value(const struct mapcodec *codec, const struct json *value, void *out,
		 struct spot_place *place, struct fault *why) MUST_CHECK;
