// SPDX-License-Identifier: Apache-2.0
// A repository as it would be after a submission: new files overlaid on those in metadata/, verified by the same client that
// nodes run (keys/client). Nothing else in this folder decides whether metadata is valid.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/client.h"
#include "keys/keyfile.h"
#include "repod/release.h"
#include "repod/vouch.h"

struct candidate;

// `metadata` is the directory, `root` the client's pinned root, `trusted` its state from the last run (NULL: none). All are
// borrowed until the candidate is freed.
int candidate_new(int metadata, const struct bytes *root, const struct release *trusted,
		  struct candidate **out, struct fault *why) MUST_CHECK;
void candidate_free(struct candidate *candidate);
static inline void candidate_drop(struct candidate **candidate)
{
	candidate_free(*candidate);
	*candidate = NULL;
}

// Overlays a file ("7.net.json") on the directory. The bytes are copied.
int candidate_put(struct candidate *candidate, const char *file, const void *data, size_t len,
		  struct fault *why) MUST_CHECK;
// Hides all roots of the directory and of the overlay: the client keeps the root that it started from.
void candidate_hide_roots(struct candidate *candidate);

// Skips verification of what has not changed since a release (repod/vouch.h). Borrowed. NULL, the default: everything is
// verified, role by role, and no target can be looked up in the client afterwards.
void candidate_vouch(struct candidate *candidate, struct vouch *vouch);

// Runs the client: root, timestamp, snapshot and top-level targets as of `now` (0: expiry is ignored), then every reachable
// role that is not skipped, expired or not. `*out` is the caller's, also after a refusal (may be NULL then), and borrows from
// the candidate. FAULT_NOT_FOUND for timestamp.json: nothing was published yet.
int candidate_judge(struct candidate *candidate, int64_t now, struct client **out,
		    struct fault *why) MUST_CHECK;

// A copy of `root` with `key` in place of the keys of root, snapshot and timestamp. With it a submission is verified before
// the real signer signs anything: otherwise a submission that fails would leave the signer's version floor above anything
// that was published.
int candidate_rehearsal_root(const struct bytes *root, const struct secret_key *key,
			     struct bytes *out, struct fault *why) MUST_CHECK;
// Overlays snapshot 1 with `meta` and timestamp 1, signed with `key`.
int candidate_rehearse(struct candidate *candidate, const struct json *meta,
		       const struct secret_key *key, int64_t expires, struct fault *why) MUST_CHECK;
// {"version", "length", "hashes"} of a file, as a snapshot lists it. `*out` is yours.
int candidate_entry(int64_t version, const void *data, size_t len, struct json **out,
		    struct fault *why) MUST_CHECK;
