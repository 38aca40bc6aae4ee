// SPDX-License-Identifier: Apache-2.0
// The bytes of a map key or value or of a global variable as the JSON that node.json would write them in.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "bpf/mapcodec.h"

// What bpf/encode takes. Of a union the largest member is shown; what the kernel keeps in a value is not. `*out` is yours.
// FAULT_CONFIG when the BTF makes no sense.
int decode_value(const struct mapcodec *codec, const void *data, struct json **out,
		 struct fault *why) MUST_CHECK;
