// SPDX-License-Identifier: Apache-2.0
// `metrics`: the node's counters and gauges for Prometheus.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

int run_metrics(struct cli *cli, struct fault *why) MUST_CHECK;
