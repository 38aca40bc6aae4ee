// SPDX-License-Identifier: Apache-2.0
// Audit records of `watch`, collected while chains are repaired and written afterwards: an fsync takes longer than a repair,
// and many chains may be waiting for theirs.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/finding.h"

enum diary_event {
	DIARY_MENDED,  // in the audit log "watch"
	DIARY_ALARM,   // "alarm"
	DIARY_EVICTED, // "evict"
	DIARY_EVENTS,
};

// Starts as {0}.
struct diary {
	struct json *lists[DIARY_EVENTS];
};
void diary_drop(struct diary *diary);

// Adds a line to the event's record: the chain, what was done, and what had been found. Copies everything.
int diary_add(struct diary *diary, enum diary_event event, const char *iface, enum hook hook,
	      const char *what, const struct findings *findings, struct fault *why) MUST_CHECK;
// Appends one audit record for each event that has lines. The lines are dropped even if the log cannot be written.
int diary_write(struct diary *diary, int dirfd, int64_t now, struct fault *why) MUST_CHECK;
