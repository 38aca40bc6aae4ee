// SPDX-License-Identifier: Apache-2.0
// Audit records of `watch`, collected while chains are repaired and written afterwards: an fsync takes longer than the
// repair of a chain, and a hundred chains may be waiting for theirs.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/finding.h"

enum diary_event {
	DIARY_MENDED,  // "watch" in the log
	DIARY_ALARM,   // "alarm"
	DIARY_EVICTED, // "evict"
	DIARY_EVENTS,
};

// Starts as {0}.
struct diary {
	struct json *lists[DIARY_EVENTS];
};
void diary_drop(struct diary *diary);

// One line: of which chain, what was done, and what had been found.
int diary_add(struct diary *diary, enum diary_event event, const char *iface, enum hook hook,
	      const char *what, const struct findings *findings, struct fault *why) MUST_CHECK;
// Writes a record for each event that has lines, and forgets them, whether or not the log could be written.
int diary_write(struct diary *diary, int dirfd, int64_t now, struct fault *why) MUST_CHECK;
