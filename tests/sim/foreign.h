// SPDX-License-Identifier: Apache-2.0
// Test keys of the kinds that we read but never write: ECDSA P-256 and RSA, made on the spot by OpenSSL.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

struct foreign_key;

// `kind` is an EC group name ("P-256", "P-384") or "RSA-2048", "RSA-1024".
struct foreign_key *foreign_new(const char *kind);
void foreign_free(struct foreign_key *key);
// The key object with this type and scheme around the PEM text.
struct json *foreign_json(const struct foreign_key *key, const char *type, const char *scheme);
// The same around the point: uncompressed in hexadecimal, or a PEM with the compressed point.
struct json *foreign_point_json(const struct foreign_key *key);
struct json *foreign_compressed_json(const struct foreign_key *key);
// A signature in hexadecimal: DER for EC, PSS with the given salt length for RSA (-1: the longest); yours to free.
char *foreign_sign(const struct foreign_key *key, int salt, const void *data, size_t len);
