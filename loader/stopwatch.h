// SPDX-License-Identifier: Apache-2.0
// Runs a loaded program on a packet (BPF_PROG_TEST_RUN) and takes its time. What fails is told by errno.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

// The median of so many. More would not tell more, and each repeated run of an XDP program waits some 50 ms for the kernel's
// dispatcher to be rewritten.
#define STOPWATCH_ROUNDS 3

// -1 with errno where the kernel does not run it on these bytes. `*ns` is of one run, on average.
int stopwatch_run(int fd, const struct bytes *packet, int repeat, uint32_t *verdict, uint32_t *ns)
	MUST_CHECK;
// Each round takes about `round_ns`. `*repeat`, 0 to begin with, is found with the first packet of a program and used for
// its others.
int stopwatch_median(int fd, const struct bytes *packet, uint32_t round_ns, int *repeat,
		     uint32_t *ns) MUST_CHECK;
