// SPDX-License-Identifier: Apache-2.0
// A limit on how long the kernel's verifier may work on one program (A80). It stops at any signal, so a timer's is enough:
// the load fails, the process lives, and what was built is taken back as after any refusal.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/fault.h"

struct deadline {
	timer_t timer;
	sigset_t old_mask;
	const volatile char *log; // the verifier writes here when it explains a refusal
	volatile sig_atomic_t struck, explaining;
	bool running;
};

// For the calling thread, which must stop it again. `log` is empty now and borrowed until then.
int deadline_start(struct deadline *deadline, unsigned seconds, const char *log, struct fault *why)
	MUST_CHECK;
// What was there before is there again, with the last of several that run in several threads. A deadline that was not
// started is fine.
void deadline_stop(struct deadline *deadline);
