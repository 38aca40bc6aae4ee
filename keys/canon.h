// SPDX-License-Identifier: Apache-2.0
// Canonical JSON (OLPC): the exact bytes that are signed. Members are sorted by their UTF-8 bytes, there is no white
// space, only '"' and '\' are escaped, and numbers are integers.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"

// Appends the canonical form of a value to `out`. FAULT_FORMAT for a value that has none (a real number).
int canon_write(const struct json *json, struct bytes *out, struct fault *why) MUST_CHECK;

// If `data` begins with exactly the bytes that canon_write would append, returns their number, else 0. Needs no memory: a large
// document that was received in canonical form is verified without a second copy.
size_t canon_match(const struct json *json, const void *data, size_t len) MUST_CHECK;
