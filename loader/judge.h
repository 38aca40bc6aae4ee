// SPDX-License-Identifier: Apache-2.0
// Checks each use of a node.json against its policy, with our copies of the objects that run: `config check` tells an admin
// beforehand what `apply` would refuse. Verifies no signatures and changes nothing.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"

// Borrowed for the call.
struct judge_places {
	const struct node *node;
	const struct json *record; // active.json, or NULL
	int objects_dirfd;	   // our copies, or -1
};

// [{"interface","hook","place","use","version","known","verdict","rules":[{"rule","allowed","reason"}]}], one for each use in
// the order of the file. "known" is the version of the copy that was checked; "" where we have none: then only rules that need
// no object are checked, and the verdict is "unknown" unless one of them refuses. `*refused` gets the first refusal, if any.
// `*out` is the caller's.
int judge_uses(const struct judge_places *places, struct json **out, struct fault *refused,
	       struct fault *why) MUST_CHECK;
