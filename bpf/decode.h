// SPDX-License-Identifier: Apache-2.0
// Decodes the bytes of a map key, map value or global variable to JSON in the notation of node.json.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "bpf/mapcodec.h"

// The inverse of bpf/encode. Of a union the largest member is shown; kernel-owned fields (locks, timers) are not. `*out` is the
// caller's. FAULT_CONFIG for inconsistent BTF.
int decode_value(const struct mapcodec *codec, const void *data, struct json **out,
		 struct fault *why) MUST_CHECK;
