// SPDX-License-Identifier: Apache-2.0
// The verification of one signature, by the scheme of the key.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "keys/key.h"

// Whether `sig`, hexadecimal as in metadata, is this key's signature of the data. Any error, from a malformed text to a lack of
// memory, is false.
bool sig_check(const struct key *key, const char *sig, const void *data, size_t len);
