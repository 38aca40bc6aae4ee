// SPDX-License-Identifier: Apache-2.0
// The clocks, for commands only: functions that decide by time take it as a parameter.
#pragma once

#include <stdint.h>

struct moment {
	int64_t wall_ms;   // Unix time
	int64_t steady_ms; // monotonic, for durations
	int64_t boot_ms;   // since boot, sleep included: the clock of the kernel's load times
};
struct moment moment_now(void);
// A steady clock in microseconds.
int64_t moment_ticks_us(void);
// The Unix time, in milliseconds, of a kernel timestamp (ns since boot).
int64_t moment_of(const struct moment *now, uint64_t after_boot_ns);
