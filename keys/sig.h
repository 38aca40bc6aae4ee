// SPDX-License-Identifier: Apache-2.0
// One signature over some bytes, by the scheme of the key.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "keys/key.h"

// True when `sig` (hexadecimal, as it stands in metadata) is this key's signature over the data. Everything else,
// from a malformed text to no memory, is false: a signature either counts or it does not.
bool sig_check(const struct key *key, const char *sig, const void *data, size_t len);
