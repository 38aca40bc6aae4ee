// SPDX-License-Identifier: Apache-2.0
// Findings (loader/finding.h) as output: JSON objects for programs, one line each for people.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "loader/finding.h"
#include "loader/moment.h"
#include "loader/namer.h"

// Who names the program of somebody else that a finding is about, and when it was asked. Borrowed. The output functions below
// take NULL for it: then programs are not named.
struct report_who {
	struct namer *namer;
	struct moment now;
};

// Appends {"code","interface","hook","note","text","program"?} for each finding to the array `list`. On a refusal (out of
// memory only) `list` may have some of them.
int findings_json(const struct findings *findings, const struct report_who *who, struct json *list,
		  struct fault *why) MUST_CHECK;
// Prints "HOOK on INTERFACE: CODE: TEXT" for each finding on stdout.
void findings_print(const struct cli *cli, const struct findings *findings,
		    const struct report_who *who);
