// SPDX-License-Identifier: Apache-2.0
// What a node allows a signed program to be and to do. A pure verdict over an inspection; the loader asks again with
// the finished instructions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/inspect.h"

#define POLICY_PROBES_MAX 64
#define POLICY_MAP_TYPES  64 // numbers of map types are below it

// What is left zero sets no limit, but in `programs`, `helpers` and `kfuncs`, where it grants nothing.
struct policy {
	bool xdp, tc;			   // "programs": default both
	bool groups[HELPER_GROUPS];	   // "helpers": default base only
	bool helpers[INSPECT_HELPERS_MAX]; // "helpers" by name, beside the groups
	bool map_types_only; // "map_types" is there; default: every type that can be granted
	bool map_types[POLICY_MAP_TYPES];
	uint64_t map_bytes_max;	  // "map_bytes_max": default 64 MiB a program
	uint64_t map_bytes_total; // "map_bytes_total": default 1 GiB for all programs of the node
	uint32_t insns_max;	  // "insns_max": default 65536
	uint32_t verifier_seconds_max; // "verifier_seconds_max": default 5
	bool on_fall_through_drop;     // "fall_through": "pass" (default) | "drop"
	// "licenses", "publishers", "interfaces" as the file has them; NULL: any. Borrowed from the node.
	const struct json *licenses, *publishers, *interfaces;
	char kfuncs[16][64]; // "kfuncs": default none
	size_t kfunc_count;
	const struct json *probes; // "KIND/EVENT" with * and ?; NULL: none. Borrowed from the node
	bool probes_any;	   // as kfuncs_any
	bool kfuncs_any; // no file can say this: for the publisher's side, which cannot know every node's list
	uint32_t cpus; // possible CPUs of the machine: a per-CPU map costs so many times its size
};

// What stands where node.json says nothing. Reads the number of CPUs, so it is asked for once, before verdicts.
struct policy policy_default(void);
// Everything that any node could grant: what `bundle build` and a server refuse by. The sizes are each node's own.
struct policy policy_widest(void);
// Functions of the kernel that do what the never grantable helpers do: no file can name them.
bool policy_kfunc_is_never(const char *name);
// "percpu_hash" to its number. FAULT_CONFIG for one that is not known or can never be granted.
int policy_map_type_parse(const char *name, uint32_t *type, struct fault *why) MUST_CHECK;
bool policy_allows_map_type(const struct policy *policy, uint32_t type);

// FAULT_POLICY naming the rule and what broke it. The rules in their order, each for itself, for those who explain:
// "programs", "helpers", "kernel", "instructions", "license", "publishers", "interfaces", "map types",
// "map flags", "map memory", "node memory".
size_t policy_rule_count(void);
const char *policy_rule_name(size_t rule);
int policy_check_rule(size_t rule, const struct policy *policy, const struct inspection *inspection,
		      const struct manifest *manifest, struct fault *why) MUST_CHECK;
int policy_check(const struct policy *policy, const struct inspection *inspection,
		 const struct manifest *manifest, struct fault *why) MUST_CHECK;
// Called by a program of this hook: what is granted to probes may be refused to programs of packets.
int policy_check_helper(const struct policy *policy, enum hook hook, uint32_t id, struct fault *why)
	MUST_CHECK;
int policy_check_kfunc(const struct policy *policy, const char *name, struct fault *why) MUST_CHECK;
// Whether a bundle ("net/count") may stand on an interface (NULL: probes, which stand on none) at all: "publishers" and
// "interfaces". policy_check can only say that there is some interface for it.
int policy_check_place(const struct policy *policy, const char *use, const char *interface,
		       struct fault *why) MUST_CHECK;
// The maps of all programs of the node together.
int policy_check_total(const struct policy *policy, uint64_t bytes, struct fault *why) MUST_CHECK;

// What a map takes in the kernel, about: (key + value, each rounded up to 8, times the CPUs where each has its own, + what a
// hash or trie needs for an entry) times its entries. UINT64_MAX when it does not fit.
uint64_t policy_map_bytes(const struct inspect_map *map, uint32_t cpus);
// All maps of an object.
uint64_t policy_object_bytes(const struct inspection *inspection, uint32_t cpus);
