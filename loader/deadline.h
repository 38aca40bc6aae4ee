// SPDX-License-Identifier: Apache-2.0
// A time limit on the kernel's verifier for one program (A80). The verifier gives up when a signal is pending, so a timer
// signal ends the load with an error; the process lives, and cleans up as after any refusal.
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

// Starts the timer for a load by the calling thread, which must call deadline_stop() afterwards. `log` is the verifier's log
// buffer, empty now, borrowed until then. Afterwards `struck` tells whether the limit was reached.
int deadline_start(struct deadline *deadline, unsigned seconds, const char *log, struct fault *why)
	MUST_CHECK;
// Stops the timer. The process's earlier signal handler is restored when the last of several deadlines (one a thread) stops.
// One that was never started is fine.
void deadline_stop(struct deadline *deadline);
