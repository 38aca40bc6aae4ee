// SPDX-License-Identifier: Apache-2.0
// Files that never change, kept in memory while there is room: what a fleet asks for again and again.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"

struct shelf;
struct shelf_item; // bytes that stay as long as somebody holds them

// Holds at most `max` bytes. One thread puts and finds; items may be dropped by any thread.
int shelf_new(size_t max, struct shelf **out, struct fault *why) MUST_CHECK;
void shelf_free(struct shelf *shelf);

// The item of that name, kept for the caller; NULL when there is none.
struct shelf_item *shelf_find(struct shelf *shelf, const char *name);
// Takes the bytes over. `*out` is kept for the caller, whether or not the shelf has room for it. When it is full it is
// emptied: simpler than choosing, and the next requests fill it with what is asked for now.
int shelf_put(struct shelf *shelf, const char *name, const char *etag, struct bytes *data,
	      struct shelf_item **out, struct fault *why) MUST_CHECK;

const struct bytes *shelf_bytes(const struct shelf_item *item);
const char *shelf_etag(const struct shelf_item *item);
void shelf_drop(struct shelf_item **item);
