// SPDX-License-Identifier: Apache-2.0
// The server's counters, in the Prometheus text format.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "repod/release.h"

struct metrics {
	atomic_uint_fast64_t answers[6]; // by status class: 2 = 2xx
	atomic_uint_fast64_t uploads, upload_bytes;
	atomic_uint_fast64_t commits, refusals, conflicts, failures;
	atomic_uint_fast64_t knocks_refused;
	atomic_uint_fast64_t deadlines;	  // connections cut because a request took too long
	atomic_uint_fast64_t connections; // open now
	atomic_uint_fast64_t renewals, renewal_failures; // of snapshot and timestamp
};

int metrics_write(struct metrics *metrics, const struct release *release, int64_t now,
		  struct bytes *out, struct fault *why) MUST_CHECK;
