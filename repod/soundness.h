// SPDX-License-Identifier: Apache-2.0
// Is the state whole? Signed files by our own client's verdict, blobs by their digests, the catalogue against both.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// What was looked at and found. A finding that the next start mends by itself (a crash left it) is a note; one that
// somebody must see to is damage.
struct soundness {
	size_t files, blobs, targets, audit_records;
	int64_t timestamp, snapshot; // versions
	bool expired;		     // timestamp or snapshot, at `now`
	struct json *damage, *notes; // lists of sentences
};
void soundness_drop(struct soundness *soundness);

// Changes nothing. Refuses only when it cannot look; what it finds stands in `out`.
int soundness_check(const char *state, int64_t now, struct soundness *out, struct fault *why)
	MUST_CHECK;
