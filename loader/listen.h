// SPDX-License-Identifier: Apache-2.0
// Puts a loaded program on an event of the kernel, by a link that can be pinned.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "bpf/probe.h"

struct listen_event {
	enum probe_kind kind;
	const char *target;
	uint32_t tracepoint_id; // only PROBE_TRACEPOINT: what the kernel calls it (loader/events)
};

// The link's descriptor is yours; the program runs on every occurrence from here until the last reference to the link
// goes. FAULT_KERNEL with the reason where this kernel has no such event or not that way of watching.
int listen_probe(const struct listen_event *event, int program_fd, int *link_fd, struct fault *why)
	MUST_CHECK;
