// SPDX-License-Identifier: Apache-2.0
// Exponential back-off for repairs (A87). Somebody who keeps removing a chain (a script, a timer, an attacker) must not drive
// us into a loop: after three repairs within a minute an alarm is raised and each further repair waits longer. Pure: the time
// is a parameter, in steady milliseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_ROUNDS	  3
#define BACKOFF_WINDOW_MS 60000
#define BACKOFF_PAUSE_MS  10000	 // the first pause; each further one is twice as long
#define BACKOFF_PAUSE_MAX 300000 // ms, the longest pause
#define BACKOFF_CALM_MS	  600000 // after so long without a repair the next pause is the first again

// Starts as {0}.
struct backoff {
	int64_t rounds[BACKOFF_ROUNDS]; // times of repairs within the window, oldest first
	unsigned count;
	unsigned pauses; // since the last calm
	int64_t until;	 // end of the pause: no repair before this
};

// Whether a repair may be tried now; how long until then.
bool backoff_allows(const struct backoff *backoff, int64_t now_ms);
int64_t backoff_wait_ms(const struct backoff *backoff, int64_t now_ms);
// Records a repair, whether or not it succeeded. True when a pause begins with it: the caller raises the alarm.
bool backoff_note(struct backoff *backoff, int64_t now_ms);
