// SPDX-License-Identifier: Apache-2.0
// The trusted set (TUF 5.3-5.6): bytes and one reference time in, a verdict out. No file, no clock, no socket. Roles are
// accepted in one order only: roots, the end of the roots, timestamp, snapshot, targets. A call out of order is refused.
// A refused call leaves the set as it was.
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

// Starts from a root that is trusted by other means; it must at least be signed by itself. Its expiry does not matter
// yet (TUF 5.3.1, A21). `now` is the one reference time of the whole run.
int trust_new(const void *root, size_t len, int64_t now, struct trust **out, struct fault *why)
	MUST_CHECK;
void trust_free(struct trust *trust);
static inline void trust_drop(struct trust **trust)
{
	trust_free(*trust);
	*trust = NULL;
}

// The next root: exactly one version on, signed by the old and by the new keys (TUF 5.3.4-5.3.6, A08).
int trust_root(struct trust *trust, const void *data, size_t len, struct fault *why) MUST_CHECK;
// There is no newer root: the last one must not be expired (TUF 5.3.10).
int trust_root_end(struct trust *trust, struct fault *why) MUST_CHECK;

// What an earlier run kept. It counts against rollback even when it has expired; it is refused when the keys of
// today's root did not sign it, which is how a fast-forward attack is recovered from (TUF 5.3.11, A20): the caller
// passes over such a refusal. `*current` says that the snapshot kept is the very one the timestamp names.
int trust_recall_timestamp(struct trust *trust, const void *data, size_t len, struct fault *why)
	MUST_CHECK;
int trust_recall_snapshot(struct trust *trust, const void *data, size_t len, bool *current,
			  struct fault *why) MUST_CHECK;

// Fresh ones. An equal timestamp version is no refusal: the kept one stands, `*changed` is false (TUF 5.4.3.1).
int trust_timestamp(struct trust *trust, const void *data, size_t len, bool *changed,
		    struct fault *why) MUST_CHECK;
int trust_snapshot(struct trust *trust, const void *data, size_t len, struct fault *why) MUST_CHECK;

// A targets role, fresh or kept: version and digest as the snapshot says, signed by whom `delegator` names (NULL: by
// whom the root names for "targets"). A role is verified for each delegator on its own; the same bytes are held once.
int trust_targets(struct trust *trust, const struct targets *delegator, const char *role,
		  const void *data, size_t len, const struct targets **out, struct fault *why)
	MUST_CHECK;
// The same without a copy: the bytes are given away, and are gone after a refusal too.
int trust_take_targets(struct trust *trust, const struct targets *delegator, const char *role,
		       struct bytes *data, const struct targets **out, struct fault *why)
	MUST_CHECK;
// The role as already verified for this delegator, or NULL.
const struct targets *trust_held(const struct trust *trust, const struct targets *delegator,
				 const char *role);

// Gives back the contents of the role that was verified last, if it delegates to nobody: for who only wants the verdict.
// It stays trusted, and lists nothing.
void trust_forget_last(struct trust *trust);

// What is trusted so far; NULL before it is. The timestamp and the snapshot given are today's, never a recalled one.
const struct root *trust_root_now(const struct trust *trust);
const struct timestamp *trust_timestamp_now(const struct trust *trust);
const struct snapshot *trust_snapshot_now(const struct trust *trust);
// All targets roles held, in the order in which they were verified.
size_t trust_targets_count(const struct trust *trust);
const struct targets *trust_targets_at(const struct trust *trust, size_t index);
