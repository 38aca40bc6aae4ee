// SPDX-License-Identifier: Apache-2.0
#include "loader/fight.h"

bool fight_may(const struct fight *fight, int64_t now_ms)
{
	return fight_wait_ms(fight, now_ms) == 0;
}

int64_t fight_wait_ms(const struct fight *fight, int64_t now_ms)
{
	return now_ms < fight->until ? fight->until - now_ms : 0;
}

static void pause_begin(struct fight *fight, int64_t now_ms)
{
	int64_t pause = FIGHT_PAUSE_MS;

	for (unsigned i = 0; i < fight->pauses && pause < FIGHT_PAUSE_MAX; i++)
		pause *= 2;
	fight->until = now_ms + (pause < FIGHT_PAUSE_MAX ? pause : FIGHT_PAUSE_MAX);
	fight->pauses++;
	fight->count = 0;
}

// Only what lies in the window counts.
static void forget_old(struct fight *fight, int64_t now_ms)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < fight->count; i++)
		if (now_ms - fight->rounds[i] < FIGHT_WINDOW_MS)
			fight->rounds[kept++] = fight->rounds[i];
	fight->count = kept;
}

bool fight_round(struct fight *fight, int64_t now_ms)
{
	if (fight->pauses && now_ms - fight->until >= FIGHT_CALM_MS)
		fight->pauses = 0;
	forget_old(fight, now_ms);
	fight->rounds[fight->count++] = now_ms;
	// Who comes back right after a pause has not given up: no three rounds for him again.
	if (!fight->pauses && fight->count < FIGHT_ROUNDS)
		return false;
	pause_begin(fight, now_ms);
	return true;
}
