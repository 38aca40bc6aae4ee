// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The next version: a map of another size, a variable more in .bss. All else is as it was.
#define FLOWS 32
#define MORE
#include "tests/kernel/knobs.bpf.c"
