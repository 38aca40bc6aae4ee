// SPDX-License-Identifier: Apache-2.0
#include "loader/backoff.h"

bool backoff_allows(const struct backoff *backoff, int64_t now_ms)
{
	return backoff_wait_ms(backoff, now_ms) == 0;
}

int64_t backoff_wait_ms(const struct backoff *backoff, int64_t now_ms)
{
	return now_ms < backoff->until ? backoff->until - now_ms : 0;
}

static void pause_begin(struct backoff *backoff, int64_t now_ms)
{
	int64_t pause = BACKOFF_PAUSE_MS;

	for (unsigned i = 0; i < backoff->pauses && pause < BACKOFF_PAUSE_MAX; i++)
		pause *= 2;
	backoff->until = now_ms + (pause < BACKOFF_PAUSE_MAX ? pause : BACKOFF_PAUSE_MAX);
	backoff->pauses++;
	backoff->count = 0;
}

// Only what lies in the window counts.
static void forget_old(struct backoff *backoff, int64_t now_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < backoff->count; i++)
		if (now_ms - backoff->rounds[i] < BACKOFF_WINDOW_MS)
			backoff->rounds[kept++] = backoff->rounds[i];
	backoff->count = kept;
}

bool backoff_note(struct backoff *backoff, int64_t now_ms)
{
	if (backoff->pauses && now_ms - backoff->until >= BACKOFF_CALM_MS)
		backoff->pauses = 0;
	forget_old(backoff, now_ms);
	backoff->rounds[backoff->count++] = now_ms;
	// After a pause that did not help, the first repair starts the next one.
	if (!backoff->pauses && backoff->count < BACKOFF_ROUNDS)
		return false;
	pause_begin(backoff, now_ms);
	return true;
}
