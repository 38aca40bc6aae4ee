// SPDX-License-Identifier: Apache-2.0
// Plans, results and the kernel's truth, as tables for people and documents for programs.
#pragma once

#include <stdbool.h>

#include "base/cli.h"
#include "base/fault.h"
#include "loader/apply.h"
#include "loader/finding.h"
#include "loader/freshness.h"
#include "loader/moment.h"
#include "loader/namer.h"
#include "loader/plan.h"

int report_plan(const struct cli *cli, const struct plan *plan, struct fault *why) MUST_CHECK;
// `restored`: from our own copies, as the metadata is stale.
int report_apply(const struct cli *cli, const struct apply *apply, bool restored, struct fault *why)
	MUST_CHECK;
// Who says what a program of somebody else is, and when that was asked.
struct report_who {
	struct namer *namer;
	struct moment now;
};
// `drift` are the findings that node.json adds to each chain's own.
int report_status(const struct cli *cli, const struct plan *plan, const struct findings *drift,
		  const struct freshness_list *freshness, const struct report_who *who,
		  struct fault *why) MUST_CHECK;
// Beside a refusal: who stands where a chain of ours belongs, one line on stderr for each that may be known.
void report_squatters(const struct cli *cli, const struct plan *plan, const struct report_who *who);
// One alarm for each place of a plan that a deny list has something to say about, on stderr.
void report_denied(const struct cli *cli, const struct plan *plan);
// One note for each chain of a plan that is held as it was rolled back, and one for each whose hold ends against its will.
void report_held(const struct cli *cli, const struct plan *plan);
// Where a plan has nothing to do: that, and why.
void report_idle(const struct cli *cli, const struct plan *plan);
