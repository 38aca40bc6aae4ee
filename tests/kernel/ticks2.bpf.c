// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The next version, without a timer.
#define TICKS 2
#include "tests/kernel/ticks.bpf.c"
