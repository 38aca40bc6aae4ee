// SPDX-License-Identifier: Apache-2.0
// The clocks as a running command reads them. Whoever decides something by time takes it as a parameter.
#pragma once

#include <stdint.h>

struct moment {
	int64_t wall_ms;   // since 1970
	int64_t steady_ms; // for how long something took, or is to wait
	int64_t boot_ms; // since the machine was started, sleep included: what the kernel says of its objects
};
struct moment moment_now(void);
// A steady clock in microseconds.
int64_t moment_ticks_us(void);
// When something was, of which the kernel says how long after boot.
int64_t moment_of(const struct moment *now, uint64_t after_boot_ns);
