// SPDX-License-Identifier: Apache-2.0
// The node's metrics: what the specifications of running bundles call counters and gauges, and the chains' own state.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"
#include "loader/freshness.h"
#include "loader/running.h"

// Series of one map: a map with a key for each address of the world must not drown everything else.
#define GAUGE_SERIES_MAX 256

// Everything as Prometheus text. A member whose object or map cannot be read is left out, and counted
// (bpfseal_unreadable_members). Changes nothing.
// `freshness` of the node's repositories, NULL where that is not known.
int gauge_text(const struct running_places *places, const struct freshness_list *freshness,
	       struct bytes *out, struct fault *why) MUST_CHECK;
// The same into a file, whole or not at all, for the node exporter's textfile collector. Its directory must be writable for
// this process.
int gauge_store(const struct running_places *places, const struct freshness_list *freshness,
		const char *path, struct fault *why) MUST_CHECK;
