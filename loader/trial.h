// SPDX-License-Identifier: Apache-2.0
// Tries the programs of a bundle in this kernel: each is loaded as apply would load it, alone and as a member of a chain,
// and run on packets by BPF_PROG_TEST_RUN. Nothing is pinned or attached, and nothing is left behind.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/brief.h"

struct trial {
	const struct brief *brief;
	bool apart; // the process is in a network namespace of its own: packets that a program sends go nowhere
	int64_t (*ticks_us)(void);
};

// Whether this process can load programs at all, tried with a minimal one. FAULT_KERNEL.
int trial_ready(struct fault *why) MUST_CHECK;

// `*out` is {"ran", "kernel", "machine", "programs", "refused"?, "log"?}, the caller's; also after a refusal, with the results
// until then. FAULT_POLICY from policy or gate, FAULT_KERNEL from the verifier.
int trial_run(const struct trial *trial, struct json **out, struct fault *why) MUST_CHECK;
