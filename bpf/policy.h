// SPDX-License-Identifier: Apache-2.0
// What a node allows a signed program to be and to do. A pure verdict over an inspection; the loader asks again with
// the finished instructions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/inspect.h"

enum helper_group {
	HELPERS_BASE,
	HELPERS_REDIRECT,
	HELPERS_OUTPUT,
	HELPERS_TIME,
	HELPERS_SOCKET,
	HELPER_GROUPS
};

struct policy {
	bool xdp, tc;		    // "programs": default both
	bool groups[HELPER_GROUPS]; // "helpers": default base only
	uint64_t map_bytes_max;	    // "map_bytes_max": default 64 MiB a program
	uint32_t insns_max;	    // "insns_max": default 65536
	bool on_fall_through_drop;  // "fall_through": "pass" (default) | "drop"
	char kfuncs[16][64];	    // "kfuncs": default none
	size_t kfunc_count;
	bool kfuncs_any; // no file can say this: for the publisher's side, which cannot know every node's list
	uint32_t cpus; // possible CPUs of the machine: a per-CPU map costs so many times its size
};

// What stands where node.json says nothing. Reads the number of CPUs, so it is asked for once, before verdicts.
struct policy policy_default(void);
// Everything that any node could grant: what `bundle build` and a server refuse by. The sizes are each node's own.
struct policy policy_widest(void);
// The group a helper id is in; -1: never grantable for XDP and TC, whatever the file says.
int policy_helper_group(uint32_t id);
const char *helper_group_name(enum helper_group group);
int helper_group_parse(const char *name, enum helper_group *out, struct fault *why) MUST_CHECK;

// FAULT_POLICY naming the rule and what broke it. The rules in their order, each for itself, for those who explain:
// "programs", "helpers", "kernel", "instructions", "map types", "map flags", "map memory".
size_t policy_rule_count(void);
const char *policy_rule_name(size_t rule);
int policy_check_rule(size_t rule, const struct policy *policy, const struct inspection *inspection,
		      const struct manifest *manifest, struct fault *why) MUST_CHECK;
int policy_check(const struct policy *policy, const struct inspection *inspection,
		 const struct manifest *manifest, struct fault *why) MUST_CHECK;
int policy_check_helper(const struct policy *policy, uint32_t id, struct fault *why) MUST_CHECK;

// What a map takes in the kernel, about: (key + value, each rounded up to 8, times the CPUs where each has its own, + what a
// hash or trie needs for an entry) times its entries. UINT64_MAX when it does not fit.
uint64_t policy_map_bytes(const struct inspect_map *map, uint32_t cpus);
