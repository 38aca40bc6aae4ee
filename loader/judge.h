// SPDX-License-Identifier: Apache-2.0
// What the policy of a node.json says of each program that the file asks for, by the copies that we keep of what runs.
// Nothing is verified anew and nothing changes: it tells an admin what `apply` would say of the file in his hands.
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

// For each use of the file, in its order: {"interface","hook","place","use","version","known","verdict","rules":[{"rule",
// "allowed","reason"}]}. "known" is the version whose copy was judged, "" where we keep none: then only the rules that need
// none are there, and the verdict is "unknown" unless one of them refuses. `*refused` is the first refusal, if any.
int judge_uses(const struct judge_places *places, struct json **out, struct fault *refused,
	       struct fault *why) MUST_CHECK;
