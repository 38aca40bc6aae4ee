// SPDX-License-Identifier: Apache-2.0
// Consistency check of the state (`repod check`): signed files by our own client, blobs by their digests, the catalogue against
// both.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// What was checked and found. A finding that the next start repairs by itself (left by a crash) is a note; one that needs
// somebody's attention is damage.
struct soundness {
	size_t files, blobs, targets, audit_records;
	int64_t timestamp, snapshot; // versions
	bool expired;		     // timestamp or snapshot, at `now`
	struct json *damage, *notes; // lists of sentences
};
void soundness_drop(struct soundness *soundness);

// Changes nothing. Refuses only when it cannot check; findings are in `out`, which is the caller's (soundness_drop).
int soundness_check(const char *state, int64_t now, struct soundness *out, struct fault *why)
	MUST_CHECK;
