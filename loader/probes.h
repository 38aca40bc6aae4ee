// SPDX-License-Identifier: Apache-2.0
// Probes of a member: further programs of its object that are attached to kernel events and share its maps. Their links are
// pinned as gen-<n>/probes/<member>-<program>; they run as long as these pins exist.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/events.h"
#include "loader/member.h"
#include "loader/object.h"

// The member whose probes they are. Borrowed for the call.
struct probes {
	const struct member *member;
	size_t index; // the member's place in its chain
	// The member's: probes are loaded from the same bytes, under the same policy.
	const struct object_source *source;
	const struct object *object; // loaded
	const struct events *events; // may be NULL: then no tracepoint can be attached to
	const char *dir;	     // the generation's directory
};

// How many a member has: every probe of its object, including the member itself if it is one.
size_t probes_count(const struct member *member);

// Loads, attaches and pins all of them. FAULT_KERNEL where this kernel lacks an event; those attached until then are detached
// when the caller removes the generation's directory.
int probes_attach(const struct probes *probes, struct fault *why) MUST_CHECK;

// `*out` is how many probes of the member at `index` are still pinned and attached in this generation.
int probes_alive(const char *dir, size_t index, size_t *out, struct fault *why) MUST_CHECK;
