// SPDX-License-Identifier: Apache-2.0
#include "loader/moment.h"

#include <time.h>

static int64_t read_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct moment moment_now(void)
{
	return (struct moment){.wall_ms = read_us(CLOCK_REALTIME) / 1000,
			       .steady_ms = read_us(CLOCK_MONOTONIC) / 1000,
			       .boot_ms = read_us(CLOCK_BOOTTIME) / 1000};
}

int64_t moment_ticks_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t moment_of(const struct moment *now, uint64_t after_boot_ns)
{
	return now->wall_ms - (now->boot_ms - (int64_t)(after_boot_ns / 1000000));
}
