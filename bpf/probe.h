// SPDX-License-Identifier: Apache-2.0
// An event of the kernel that a program of a bundle may watch. Such a program judges no packet: it rides along with a
// chain's member, or alone.
#pragma once

#include <stddef.h>

#include "base/fault.h"

// The kernel allows 511 (KSYM_NAME_LEN, since Linux 6.1); no name that people write is that long.
#define PROBE_TARGET_MAX 128

enum probe_kind {
	PROBE_TRACEPOINT,     // target "category/event", through perf
	PROBE_RAW_TRACEPOINT, // target "event"
	PROBE_TP_BTF,	      // the same, with typed arguments
	PROBE_KPROBE,	      // target is a function of the kernel
	PROBE_KRETPROBE,
	PROBE_FENTRY,
	PROBE_FEXIT,
	PROBE_KINDS,
};
const char *probe_kind_name(enum probe_kind kind); // "tracepoint", "raw_tracepoint", "tp_btf", ...
int probe_kind_parse(const char *name, enum probe_kind *out, struct fault *why) MUST_CHECK;

// FAULT_FORMAT when `target` cannot name such an event: it becomes part of a path and of a kernel's search.
int probe_check_target(enum probe_kind kind, const char *target, struct fault *why) MUST_CHECK;
