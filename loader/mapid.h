// SPDX-License-Identifier: Apache-2.0
// Which map stands behind a pin: the kernel gives each map a number, and none gets the number of another. What a program
// works with was fixed when it was loaded, so the record keeps the numbers (also of maps that no program uses): whoever
// pins another map of the same shape under our name shows, and his is nobody's data.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// In the record of a member: { PIN: number }.
#define MAPID_KEY "map_ids"
// The number that a recorded member's map had when it was applied; 0: the record is of an earlier version, or knows none.
uint32_t mapid_recorded(const struct json *member, const char *pin);

// A map of a recorded member that is not behind its pin.
struct mapid_stray {
	const char *pin;
	const char *dir;
	uint32_t recorded; // 0: not known
	uint32_t pinned;   // what is there instead; 0: nothing that we could open
	bool there;	   // something has its name
};

// Where a recorded chain's maps are. Borrowed.
struct mapid_place {
	const char *place; // the hook's directory
	uint32_t generation;
	const struct json *record;
};
// Calls `stray` for every pinned map of the member at `index` that is gone or is another; stops where that refuses.
int mapid_strays(const struct mapid_place *at, size_t index,
		 int (*stray)(void *ctx, const struct mapid_stray *stray, struct fault *why),
		 void *ctx, struct fault *why) MUST_CHECK;
// Takes away what somebody else has pinned in the places of all members' maps; what is gone stays gone.
int mapid_clear(const struct mapid_place *at, struct fault *why) MUST_CHECK;
// FAULT_DRIFT when a map of a member is not behind its pin.
int mapid_check(const struct mapid_place *at, struct fault *why) MUST_CHECK;
