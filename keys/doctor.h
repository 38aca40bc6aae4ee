// SPDX-License-Identifier: Apache-2.0
// What will go wrong in a ceremony if nobody looks: roles that expire, thresholds that cannot be met, keys without a
// spare, keys in the wrong hands. Reads a directory; changes nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// When one is told: a root with 90 days left wants a meeting, one with 7 days left wants it now.
#define DOCTOR_EARLY_DAYS 90
#define DOCTOR_SOON_DAYS  30
#define DOCTOR_DUE_DAYS	  7

// Looks at DIR/metadata at the time `now`. `*findings` is a list of {"grade", "code", "roles", "text", "fix"?}, yours;
// grades are "due" (within 7 days, or broken already), "warning" and "note". One finding names all roles that share it.
// `*due` is true when one of them is due.
int doctor_examine(const char *dir, int64_t now, struct json **findings, bool *due,
		   struct fault *why) MUST_CHECK;
