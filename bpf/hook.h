// SPDX-License-Identifier: Apache-2.0
// Where a program can be attached, and the verdicts it can give there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum hook {
	HOOK_XDP,
	HOOK_TC_INGRESS,
	HOOK_TC_EGRESS,
	HOOK_PROBE, // an event of the kernel: no packet, no verdict, no order; which one is in bpf/probe.h
};
#define HOOK_COUNT 4
const char *hook_name(enum hook hook); // "xdp", "tc_ingress", "tc_egress", "probe"
int hook_parse(const char *name, enum hook *out, struct fault *why) MUST_CHECK;

// The kernel's name of a verdict ("XDP_PASS", "TC_ACT_OK"), or NULL when the hook has no such verdict.
const char *verdict_name(enum hook hook, int32_t verdict);
int verdict_parse(enum hook hook, const char *name, int32_t *out, struct fault *why) MUST_CHECK;

// The verdicts after which the next member of a chain runs, unless the manifest says otherwise: XDP_PASS, or
// TC_ACT_OK, TC_ACT_PIPE and TC_ACT_UNSPEC; none for a probe. Writes them to `out`, returns how many.
#define VERDICTS_CONTINUE_MAX 8
size_t verdicts_default(enum hook hook, int32_t out[VERDICTS_CONTINUE_MAX]);
