// SPDX-License-Identifier: Apache-2.0
// A memory cache of immutable files.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"

struct shelf;
struct shelf_item; // reference-counted bytes

// Holds at most `max` bytes. Only one thread may put and find; items may be dropped by any thread.
int shelf_new(size_t max, struct shelf **out, struct fault *why) MUST_CHECK;
void shelf_free(struct shelf *shelf);

// A reference to the item of that name, for the caller to drop; NULL when there is none.
struct shelf_item *shelf_find(struct shelf *shelf, const char *name);
// Takes ownership of the bytes. `*out` is a reference for the caller, whether or not there was room. A full cache is emptied:
// simpler than a replacement policy, and the next requests fill it with what is in use.
int shelf_put(struct shelf *shelf, const char *name, const char *etag, struct bytes *data,
	      struct shelf_item **out, struct fault *why) MUST_CHECK;

const struct bytes *shelf_bytes(const struct shelf_item *item);
const char *shelf_etag(const struct shelf_item *item);
void shelf_drop(struct shelf_item **item);
