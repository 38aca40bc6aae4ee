// SPDX-License-Identifier: Apache-2.0
// The objects of the members that come in together: each is looked at once, however many use it, and all side by side.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "bpf/inspect.h"
#include "loader/member.h"
#include "loader/recall.h"
#include "loader/seen.h"

struct muster_object {
	struct sha256 digest;
	struct bytes bytes;
	struct inspection *inspection; // NULL: it is refused
	struct fault refused;
	bool recalled; // nothing new is known of it
};

// {0} has none.
struct muster {
	struct muster_object *objects;
	size_t count;
};

// Of the members that are pending. What was refused of one stands with it; of all others `seen` knows then. Only from a
// single-threaded process.
int muster_call(const struct recall *recall, struct seen *seen, const struct member *members,
		size_t count, struct muster *out, struct fault *why) MUST_CHECK;
void muster_drop(struct muster *muster);
// NULL: not of these.
struct muster_object *muster_find(const struct muster *muster, const struct sha256 *digest);
