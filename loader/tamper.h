// SPDX-License-Identifier: Apache-2.0
// Detects a chain that is consistent in itself, but is not the one that was applied: whoever may write to our
// directory in bpffs can pin programs of his own under our names (A84, A87). Only a comparison with the record shows
// it.
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
	const char *root_tag;	   // of our root program (anchor_tag); unused for probes
};

// Adds the findings "not_as_applied", "program_replaced", "root_replaced", "slot_changed" and, for maps, "pin_missing" and
// "map_replaced".
int tamper_findings(const struct tamper *tamper, struct findings *findings, struct fault *why)
	MUST_CHECK;

// Whether the array that is pinned as the member's next slot is not the one that its code uses: somebody has bound
// another array to the program (BPF_PROG_BIND_MAP), and the pinned one does not show where the code jumps. False if
// the record, of an earlier version, does not say how many maps the code uses.
bool tamper_is_decoy(const struct truth_member *member, const struct json *recorded);
