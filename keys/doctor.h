// SPDX-License-Identifier: Apache-2.0
// Finds what is going to fail in a ceremony directory: roles about to expire, thresholds that cannot be met, roles that would
// be lost with one key, online keys of offline roles. Changes nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// Days before an expiry at which it is reported: a root early, since its signers have to meet.
#define DOCTOR_EARLY_DAYS 90
#define DOCTOR_SOON_DAYS  30
#define DOCTOR_DUE_DAYS	  7

// Examines DIR/metadata as of `now`, seconds since 1970. `*findings` is an array of {"grade", "code", "roles",
// "text", "fix"?}, the caller's. Grades: "due" (within 7 days, or broken already), "warning", "note". A finding names
// all roles that share it. `*due` is true if one is due.
int doctor_examine(const char *dir, int64_t now, struct json **findings, bool *due,
		   struct fault *why) MUST_CHECK;
