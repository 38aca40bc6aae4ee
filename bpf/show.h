// SPDX-License-Identifier: Apache-2.0
// A surveyed bundle for people (tables) and for programs (JSON).
#pragma once

#include <stddef.h>

#include "base/cli.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/survey.h"

// The head line, programs, maps and objects, on stdout.
int show_survey(const struct cli *cli, const struct survey *survey, size_t bundle_len,
		const struct sha256 *sha256, struct fault *why) MUST_CHECK;
// The same as a document: {"target","sha256","length","manifest","objects"}.
int show_document(const struct survey *survey, size_t bundle_len, const struct sha256 *sha256,
		  struct json **out, struct fault *why) MUST_CHECK;

// Every rule over every object: a line and an entry {"object","rule","allowed","reason"} each. Returns -1 with the first
// refusal in *why after all rules have been printed; `*out` is filled in both cases but when memory is out.
int show_verdicts(const struct cli *cli, const struct survey *survey, const struct policy *policy,
		  struct json **out, struct fault *why) MUST_CHECK;
