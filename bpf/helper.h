// SPDX-License-Identifier: Apache-2.0
// The kernel's helper functions by number, as the kernel's own header lists them, and in the groups that a policy grants.
#pragma once

#include <stdint.h>

#include "base/fault.h"

#define HELPER_IDS 256 // every number that is known is below it

enum helper_group {
	HELPERS_BASE,
	HELPERS_REDIRECT,
	HELPERS_OUTPUT,
	HELPERS_TIME,
	HELPERS_SOCKET,
	HELPERS_TRACING, // of probes only: the verifier keeps them from programs of packets
	HELPER_GROUPS
};

const char *helper_name(uint32_t id); // "tail_call", or NULL
// The group a helper id is in; -1: never grantable for XDP and TC, whatever the file says.
int helper_group(uint32_t id);
const char *helper_group_name(enum helper_group group);
int helper_group_parse(const char *name, enum helper_group *out, struct fault *why) MUST_CHECK;
// "bpf_redirect" to its number. FAULT_CONFIG for one that is not known or can never be granted.
int helper_parse(const char *name, uint32_t *id, struct fault *why) MUST_CHECK;
