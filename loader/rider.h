// SPDX-License-Identifier: Apache-2.0
// Probes of a member: further programs of its object that are attached to events of the kernel and share its maps.
// A generation's links are pinned as gen-<n>/probes/<member>-<program>; they run as long as those pins stand.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/events.h"
#include "loader/member.h"
#include "loader/object.h"

// The member whose probes they are. Borrowed for the call.
struct riders {
	const struct member *member;
	size_t index; // the member's place in its chain
	// What the member was loaded from; the probes are loaded from the same bytes, by the same policy.
	const struct object_source *source;
	const struct object *object; // loaded
	const struct events *events; // may be NULL: then no tracepoint can be watched
	const char *dir;	     // the generation's
};

// How many a member has: every probe of its object, itself included when it is one.
size_t riders_count(const struct member *member);

// Loads and attaches them all. FAULT_KERNEL where this kernel lacks an event; what was attached until then is gone when
// the generation's directory is.
int riders_attach(const struct riders *riders, struct fault *why) MUST_CHECK;

// Writes how many of a member's riders in this generation still run.
int riders_alive(const char *dir, size_t index, size_t *out, struct fault *why) MUST_CHECK;
