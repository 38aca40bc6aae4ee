// SPDX-License-Identifier: Apache-2.0
// The set of trusted metadata (TUF 5.3 to 5.6). Pure: bytes and one reference time in, a verdict out; no file, clock
// or socket. Roles are accepted in one order: roots, the end of the roots, timestamp, snapshot, targets. A call out
// of order is refused. A refused call leaves the set as it was.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/root.h"
#include "keys/snapshot.h"
#include "keys/targets.h"
#include "keys/timestamp.h"

struct trust;

// Starts with a root that is trusted already; it must be signed by its own keys. Its expiry is not checked yet (TUF
// 5.3.1, A21). `now`, seconds since 1970, is the reference time of the whole run. `*out` is the caller's.
int trust_new(const void *root, size_t len, int64_t now, struct trust **out, struct fault *why)
	MUST_CHECK;
void trust_free(struct trust *trust);
static inline void trust_drop(struct trust **trust)
{
	trust_free(*trust);
	*trust = NULL;
}

// Accepts the next root: version N+1, signed by the old and the new keys (TUF 5.3.4 to 5.3.6, A08).
int trust_root(struct trust *trust, const void *data, size_t len, struct fault *why) MUST_CHECK;
// Ends the update of the root. FAULT_EXPIRED if the last one has expired (TUF 5.3.10).
int trust_root_end(struct trust *trust, struct fault *why) MUST_CHECK;

// Accepts what an earlier run kept. It protects against rollback, even if it has expired. It is refused if the keys
// of the current root did not sign it; the caller ignores that refusal, which is how a fast-forward attack is
// recovered from (TUF 5.3.11, A20). `*current` tells whether the kept snapshot is the one that the new timestamp
// names.
int trust_recall_timestamp(struct trust *trust, const void *data, size_t len, struct fault *why)
	MUST_CHECK;
int trust_recall_snapshot(struct trust *trust, const void *data, size_t len, bool *current,
			  struct fault *why) MUST_CHECK;

// Accepts new ones. A timestamp of the same version as the kept one is ignored: `*changed` is false (TUF 5.4.3.1).
int trust_timestamp(struct trust *trust, const void *data, size_t len, bool *changed,
		    struct fault *why) MUST_CHECK;
int trust_snapshot(struct trust *trust, const void *data, size_t len, struct fault *why) MUST_CHECK;

// Accepts a targets role, new or kept: its version and digests must be those of the snapshot, its signers those that
// `delegator` names (NULL: the root). A role is verified for each delegator; the same bytes are stored once. `*out`
// is borrowed from the set.
int trust_targets(struct trust *trust, const struct targets *delegator, const char *role,
		  const void *data, size_t len, const struct targets **out, struct fault *why)
	MUST_CHECK;
// As trust_targets, but takes over the bytes, also on a refusal.
int trust_take_targets(struct trust *trust, const struct targets *delegator, const char *role,
		       struct bytes *data, const struct targets **out, struct fault *why)
	MUST_CHECK;
// The role as it was verified for this delegator, borrowed, or NULL.
const struct targets *trust_held(const struct trust *trust, const struct targets *delegator,
				 const char *role);

// Frees the contents of the role that was verified last, if it delegates to nobody. It stays trusted, but lists no targets.
void trust_forget_last(struct trust *trust);

// What is trusted so far, borrowed; NULL if nothing is. Timestamp and snapshot are new ones, never those of an earlier run.
const struct root *trust_root_now(const struct trust *trust);
const struct timestamp *trust_timestamp_now(const struct trust *trust);
const struct snapshot *trust_snapshot_now(const struct trust *trust);
// All trusted targets roles, in the order in which they were verified. Borrowed.
size_t trust_targets_count(const struct trust *trust);
const struct targets *trust_targets_at(const struct trust *trust, size_t index);
