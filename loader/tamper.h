// SPDX-License-Identifier: Apache-2.0
// A chain that hangs together, and is not the one that was applied: what only the record can tell. Somebody with our
// directory's rights can pin programs of his own under our names, and every jump of theirs fits (A84, A87).
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "base/json.h"
#include "loader/finding.h"
#include "loader/truth.h"

// Borrowed for the call.
struct tamper {
	const char *tree, *iface;
	enum hook hook;
	const struct truth *truth;
	const struct json *record; // of this chain; NULL: nothing was applied here
	const char *root_tag;	   // anchor_tag()
};

// Adds "not_as_applied", "program_replaced", "root_replaced" and, for the maps, "pin_missing" and "map_replaced".
int tamper_findings(const struct tamper *tamper, struct findings *findings, struct fault *why)
	MUST_CHECK;

// Whether what is pinned as the jump behind a member is an array that its code does not know: somebody bound it to the
// program, and where that jumps is not to be seen in it. Records of earlier versions do not tell.
bool tamper_is_decoy(const struct truth_member *member, const struct json *recorded);
