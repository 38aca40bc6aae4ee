// SPDX-License-Identifier: Apache-2.0
// Attaches a loaded probe to its kernel event (tracepoint, kprobe, fentry, ...) by a bpf_link, which can be pinned.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "bpf/probe.h"

struct probelink_event {
	enum probe_kind kind;
	const char *target;
	uint32_t tracepoint_id; // only PROBE_TRACEPOINT: its id (loader/events)
};

// `*link_fd` is the caller's. The program runs on every occurrence of the event until the last reference to the link is gone.
// FAULT_KERNEL with the reason where this kernel lacks the event or cannot attach programs to it.
int probelink_make(const struct probelink_event *event, int program_fd, int *link_fd,
		   struct fault *why) MUST_CHECK;
