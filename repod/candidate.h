// SPDX-License-Identifier: Apache-2.0
// A repository as it would be: new files laid over those in metadata/, judged by the very client that nodes run
// (keys/client). There is no other verdict in this folder.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/client.h"
#include "keys/keyfile.h"
#include "repod/release.h"
#include "repod/vouch.h"

struct candidate;

// `metadata` is the directory (borrowed), `root` what the client starts from, `trusted` what it kept from its last run
// (NULL: nothing). All are borrowed until the candidate goes.
int candidate_new(int metadata, const struct bytes *root, const struct release *trusted,
		  struct candidate **out, struct fault *why) MUST_CHECK;
void candidate_free(struct candidate *candidate);
static inline void candidate_drop(struct candidate **candidate)
{
	candidate_free(*candidate);
	*candidate = NULL;
}

// Lays a file over the directory ("7.net.json"). The bytes are copied.
int candidate_put(struct candidate *candidate, const char *file, const void *data, size_t len,
		  struct fault *why) MUST_CHECK;
// Sees no roots in the directory or laid over it: the client stays with the one that it started from.
void candidate_hide_roots(struct candidate *candidate);

// Lets a release vouch for what has not changed since. Borrowed. Without one (NULL, as at first) everything is verified,
// and nothing can be looked up in the client afterwards.
void candidate_vouch(struct candidate *candidate, struct vouch *vouch);

// Runs the client: root, timestamp, snapshot and top-level targets as they stand at `now` (0: whenever), then every
// role that can be reached and is not vouched for, expired or not. `*out` (also after a refusal, unless there was no
// client to speak of) is yours and borrows from the candidate. FAULT_NOT_FOUND for timestamp.json: nothing was
// published yet.
int candidate_judge(struct candidate *candidate, int64_t now, struct client **out,
		    struct fault *why) MUST_CHECK;

// A root like `root` in all that concerns publishers, but with `key` for root, snapshot and timestamp. Under it a
// publication can be judged before the signer has to put its name to it (else a submission that fails would leave
// the signer at a version that nobody can ever reach).
int candidate_rehearsal_root(const struct bytes *root, const struct secret_key *key,
			     struct bytes *out, struct fault *why) MUST_CHECK;
// Snapshot 1 of `meta` and timestamp 1, signed by `key`, laid over.
int candidate_rehearse(struct candidate *candidate, const struct json *meta,
		       const struct secret_key *key, int64_t expires, struct fault *why) MUST_CHECK;
// {"version", "length", "hashes"} of a file, as a snapshot lists it. `*out` is yours.
int candidate_entry(int64_t version, const void *data, size_t len, struct json **out,
		    struct fault *why) MUST_CHECK;
