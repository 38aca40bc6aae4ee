// SPDX-License-Identifier: Apache-2.0
// Canonical JSON (OLPC): the exact bytes that get signed. Members sorted by their UTF-8 bytes, no white space, only
// '"' and '\' escaped, integers only.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"

// Appends the canonical form of a value.
int canon_write(const struct json *json, struct bytes *out, struct fault *why) MUST_CHECK;

// Does `data` begin with the very bytes that canon_write would append? Then how many they are, else 0. Every one of them
// is compared and none is kept: a large document that came in canonical form needs no second copy to be verified.
size_t canon_match(const struct json *json, const void *data, size_t len) MUST_CHECK;
