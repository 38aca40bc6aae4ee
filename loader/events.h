// SPDX-License-Identifier: Apache-2.0
// The ids of the tracepoints that a node's policy allows. Only root may read them, so they are read before privileges are
// dropped, and only those that node.json names.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define EVENTS_MAX 512

struct events;

// `tracefs` is where the tracing file system is mounted; `patterns` are "category/event" with `*` and `?`. An event that this
// kernel lacks is left out, and refused when a program asks for it. `*out` is the caller's.
int events_read(const char *tracefs, const char *const *patterns, size_t count, struct events **out,
		struct fault *why) MUST_CHECK;
void events_free(struct events *events);
static inline void events_drop(struct events **events)
{
	events_free(*events);
	*events = NULL;
}
// The id of "category/event"; 0 when it is not known.
uint32_t events_id(const struct events *events, const char *name);
