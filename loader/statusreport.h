// SPDX-License-Identifier: Apache-2.0
// The output of `status`: what the kernel runs on each hook, what is wrong with it, and how fresh the metadata is.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "loader/findingreport.h"
#include "loader/freshness.h"
#include "loader/plan.h"

// Prints the table, or with --json the document "bpfseal.status/1". Each chain of `plan` (scan_all) brings the findings of
// its damage; `drift` are those that only node.json and the deny lists can tell. Borrows everything.
int report_status(const struct cli *cli, const struct plan *plan, const struct findings *drift,
		  const struct freshness_list *freshness, const struct report_who *who,
		  struct fault *why) MUST_CHECK;
