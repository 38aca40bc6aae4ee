// SPDX-License-Identifier: Apache-2.0
// When to stop putting back what somebody keeps taking off (A87). A person in a hurry, a tool with a timer or an attacker
// in a loop: after three rounds within a minute each further one waits longer, and the alarm is what helps. Pure: time
// comes in.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIGHT_ROUNDS	3
#define FIGHT_WINDOW_MS 60000
#define FIGHT_PAUSE_MS	10000  // the first pause; each next is twice as long
#define FIGHT_PAUSE_MAX 300000 // and none longer than this
#define FIGHT_CALM_MS	600000 // so long after a pause without a round, all is forgotten

// Starts as {0}.
struct fight {
	int64_t rounds[FIGHT_ROUNDS]; // when, oldest first
	unsigned count;
	unsigned pauses; // in a row
	int64_t until;	 // no round before this
};

// Whether a round may be fought now; otherwise how long to wait.
bool fight_may(const struct fight *fight, int64_t now_ms);
int64_t fight_wait_ms(const struct fight *fight, int64_t now_ms);
// One round was fought, won or lost. True when that was one too many: a pause has begun, raise the alarm.
bool fight_round(struct fight *fight, int64_t now_ms);
