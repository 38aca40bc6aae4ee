// SPDX-License-Identifier: Apache-2.0
// The numbers of the tracepoints that a node's policy allows. Only root may read them, so they are read before root
// ends, and only those that node.json names.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define EVENTS_MAX 512

struct events;

// Where the tracing file system is mounted, and what of it: patterns "category/event" with `*` and `?`. What is not
// there is left out: who wants it is refused then. `*out` is yours.
int events_read(const char *tracefs, const char *const *patterns, size_t count, struct events **out,
		struct fault *why) MUST_CHECK;
void events_free(struct events *events);
static inline void events_drop(struct events **events)
{
	events_free(*events);
	*events = NULL;
}
// 0: not known.
uint32_t events_id(const struct events *events, const char *name);
