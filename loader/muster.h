// SPDX-License-Identifier: Apache-2.0
// The objects of the members that come in together: each is looked at once, however many use it, and all side by side,
// beside what the caller does between one and the next.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/worker.h"
#include "bpf/inspect.h"
#include "loader/member.h"
#include "loader/recall.h"
#include "loader/seen.h"

struct muster_object {
	struct sha256 digest;
	struct bytes bytes;
	struct inspection *inspection; // NULL: it is refused, or nobody has looked yet
	struct fault refused;
	bool recalled;	      // nothing new is known of it
	struct worker worker; // looks at it just now
};

// {0} has none. The first `begun` of the objects have been given to a worker where they needed one, the first `ended` are known.
struct muster {
	struct muster_object *objects;
	size_t count, room, begun, ended;
};

// One member that is pending. It is looked at from now on, if nothing is known of its object and not too many are being looked
// at; then what others have shown meanwhile is taken. No other thread may run (base/worker.h).
int muster_enter(const struct recall *recall, const struct seen *seen, const struct member *member,
		 struct muster *muster, struct fault *why) MUST_CHECK;
// Those of the members that are pending and have not been entered, then waits for all. What was refused of one stands with it;
// of all others `seen` knows then. Likewise.
int muster_call(const struct recall *recall, struct seen *seen, const struct member *members,
		size_t count, struct muster *muster, struct fault *why) MUST_CHECK;
// Ends what is still being looked at.
void muster_drop(struct muster *muster);
// NULL: not of these.
struct muster_object *muster_find(const struct muster *muster, const struct sha256 *digest);
