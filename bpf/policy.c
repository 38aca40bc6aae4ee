// SPDX-License-Identifier: Apache-2.0
#include "bpf/policy.h"

#include <fnmatch.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/helper.h"
#include "bpf/maptype.h"
#include "keys/targets.h"

#define MAP_BYTES_DEFAULT (UINT64_C(64) << 20)
// Of the node: sixteen programs that take all that one may.
#define MAP_BYTES_TOTAL (UINT64_C(1) << 30)
// The verifier gives up by itself after a million instructions. That took 2.9 s here where they were as dear as could be
// made, and 0.6 s where not; to say why it gave up took it 21 s and 3 s more.
#define VERIFIER_SECONDS 5
#define CPUS_FILE	 "/sys/devices/system/cpu/possible"
#define CPUS_MAX	 8192

// Where the file cannot be read: more than most have, so that a limit is never passed by not knowing.
#define CPUS_UNKNOWN 256

// "0-3" or "0-3,8-11": one more than the last number.
static uint32_t possible_cpus(void)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault ignored = {0};
	const char *last;
	unsigned long number;

	if (file_read(CPUS_FILE, 4096, &text, &ignored))
		return CPUS_UNKNOWN;
	last = bytes_text(&text) + strcspn(bytes_text(&text), "\n");
	while (last > bytes_text(&text) && last[-1] >= '0' && last[-1] <= '9')
		last--;
	number = strtoul(last, NULL, 10);
	return number < CPUS_MAX ? (uint32_t)number + 1 : CPUS_UNKNOWN;
}

struct policy policy_default(void)
{
	return (struct policy){
		.xdp = true,
		.tc = true,
		.groups = {[HELPERS_BASE] = true},
		.map_bytes_max = MAP_BYTES_DEFAULT,
		.map_bytes_total = MAP_BYTES_TOTAL,
		.verifier_seconds_max = VERIFIER_SECONDS,
		.insns_max = INSPECT_INSNS_MAX,
		.cpus = possible_cpus(),
	};
}

struct policy policy_widest(void)
{
	struct policy policy = {
		.xdp = true,
		.tc = true,
		.map_bytes_max = UINT64_MAX - 1,
		.insns_max = INSPECT_INSNS_MAX,
		.kfuncs_any = true,
		.probes_any = true,
		.cpus = 1,
	};

	for (int i = 0; i < HELPER_GROUPS; i++)
		policy.groups[i] = true;
	return policy;
}

// ---- helpers ----

int policy_check_helper(const struct policy *policy, enum hook hook, uint32_t id, struct fault *why)
{
	const char *name = helper_name(id);
	int group = helper_group(id);

	if (group < 0 && !name)
		return fault_set(why, FAULT_POLICY, "helpers: it calls helper %u, which is unknown",
				 id);
	if (group < 0) {
		fault_set(why, FAULT_POLICY,
			  "helpers: it calls bpf_%s, which is never allowed here", name);
		// bpf_printk() of a program that is being written: what everybody meets first.
		return strcmp(name, "trace_printk") != 0 && strcmp(name, "trace_vprintk") != 0
			       ? -1
			       : fault_fix(why,
					   "take bpf_printk() out of what is released; counters "
					   "and ring buffers tell what a program does");
	}
	// The verifier would let a loader with CAP_PERFMON read the kernel's memory from a program of packets.
	if (group == HELPERS_TRACING && hook != HOOK_PROBE)
		return fault_set(why, FAULT_POLICY,
				 "helpers: it calls bpf_%s, which only probes may call", name);
	if (policy->groups[group] || (id < INSPECT_HELPERS_MAX && policy->helpers[id]))
		return 0;
	fault_set(why, FAULT_POLICY, "helpers: it calls bpf_%s, of the group '%s'", name,
		  helper_group_name((enum helper_group)group));
	return fault_fix(
		why, "allow it with \"helpers\": [..., \"%s\"] in the policy, or alone by its name",
		helper_group_name((enum helper_group)group));
}

// ---- functions of the kernel ----

// Families, so that what a later kernel adds to one is in it: signals, memory that is not the program's (of processes and
// of the kernel), calls of bpf(2) and the like, code that runs later in some process.
bool policy_kfunc_is_never(const char *name)
{
	static const char *const never[] = {
		"bpf_send_signal",     "bpf_probe_read", "bpf_probe_write", "bpf_copy_from_user",
		"bpf_override_return", "bpf_sys_",	 "bpf_kallsyms",    "bpf_task_work",
		"bpf_copy_to_user",    "crash_kexec",	 "bpf_throw",
	};

	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strncmp(name, never[i], strlen(never[i])) == 0)
			return true;
	return false;
}

int policy_check_kfunc(const struct policy *policy, const char *name, struct fault *why)
{
	// "#123": called by number, so nobody knows what it is.
	if (name[0] == '#' || policy_kfunc_is_never(name))
		return fault_set(why, FAULT_POLICY,
				 "kernel: it uses the kernel's %s, which is never allowed here",
				 name);
	for (size_t i = 0; i < policy->kfunc_count; i++)
		if (strcmp(policy->kfuncs[i], name) == 0)
			return 0;
	if (policy->kfuncs_any)
		return 0;
	fault_set(why, FAULT_POLICY, "kernel: it uses the kernel's %s, which is not allowed", name);
	return fault_fix(why, "allow it by name with \"kfuncs\" in the policy");
}

// ---- types of maps ----

int policy_map_type_parse(const char *name, uint32_t *type, struct fault *why)
{
	const char *known[POLICY_MAP_TYPES + 1] = {NULL}, *near;
	size_t count = 0;

	for (uint32_t i = 0; i < POLICY_MAP_TYPES; i++) {
		if (!map_type_name(i))
			continue;
		if (map_type_is_allowed(i))
			known[count++] = map_type_name(i);
		if (strcmp(map_type_name(i), name) != 0)
			continue;
		*type = i;
		if (map_type_is_allowed(i))
			return 0;
		return fault_set(why, FAULT_CONFIG, "maps of type %s can never be allowed", name);
	}
	near = json_nearest(name, known);
	return fault_set(why, FAULT_CONFIG, "there is no type of maps '%.40s'%s%s", name,
			 near ? ": did you mean " : "", near ? near : "");
}

bool policy_allows_map_type(const struct policy *policy, uint32_t type)
{
	return map_type_is_allowed(type) && type < POLICY_MAP_TYPES &&
	       (!policy->map_types_only || policy->map_types[type]);
}

// ---- the rules ----

typedef int rule_check(const struct policy *policy, const struct inspection *inspection,
		       const struct manifest *manifest, struct fault *why);

static bool allows_probe(const struct policy *policy, const struct manifest_program *program)
{
	char event[16 + PROBE_TARGET_MAX];

	snprintf(event, sizeof event, "%s/%s", probe_kind_name(program->probe), program->target);
	for (size_t i = 0; i < json_count(policy->probes); i++) {
		if (!fnmatch(json_text(json_item(policy->probes, i)), event,
			     FNM_PATHNAME | FNM_NOESCAPE))
			return true;
	}
	return policy->probes_any;
}

static int check_probe(const struct policy *policy, const struct manifest_program *program,
		       struct fault *why)
{
	const char *kind = probe_kind_name(program->probe);

	if (allows_probe(policy, program))
		return 0;
	fault_set(why, FAULT_POLICY, "programs: %s watches %s %s, which is not allowed",
		  program->entry, kind, program->target);
	return fault_fix(why, "allow it with \"probes\": [..., \"%s/%s\"] in the policy", kind,
			 program->target);
}

static int check_programs(const struct policy *policy, const struct inspection *inspection,
			  const struct manifest *manifest, struct fault *why)
{
	(void)inspection;
	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (program->hook == HOOK_PROBE && check_probe(policy, program, why))
			return -1;
		if (program->hook == HOOK_PROBE ||
		    (program->hook == HOOK_XDP ? policy->xdp : policy->tc))
			continue;
		fault_set(why, FAULT_POLICY, "programs: %s is for %s, which is not allowed",
			  program->entry, hook_name(program->hook));
		return fault_fix(why, "allow it with \"programs\" in the policy");
	}
	return 0;
}

static int check_helpers(const struct policy *policy, const struct inspection *inspection,
			 const struct manifest *manifest, struct fault *why)
{
	enum hook hook = HOOK_XDP;

	// An inspection is of a whole object: the loader's gate knows which of its programs calls what.
	for (size_t i = 0; manifest && i < manifest->program_count; i++) {
		if (manifest->programs[i].hook == HOOK_PROBE)
			hook = HOOK_PROBE;
	}
	if (inspection->helper_unknown)
		return fault_set(why, FAULT_POLICY,
				 "helpers: it makes a call that names no known helper");
	for (uint32_t id = 0; id < INSPECT_HELPERS_MAX; id++) {
		if (inspection->helpers[id] && policy_check_helper(policy, hook, id, why))
			return -1;
	}
	return 0;
}

static int check_kernel(const struct policy *policy, const struct inspection *inspection,
			const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	for (size_t i = 0; i < inspection->kfunc_count; i++)
		if (policy_check_kfunc(policy, inspection->kfuncs[i], why))
			return -1;
	return 0;
}

static int check_instructions(const struct policy *policy, const struct inspection *inspection,
			      const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	if (inspection->insns > policy->insns_max)
		return fault_set(why, FAULT_POLICY,
				 "instructions: it has %u instructions, more than %u",
				 inspection->insns, policy->insns_max);
	return 0;
}

static bool has_text(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_text(json_item(list, i)), text) == 0)
			return true;
	return false;
}

// What the object tells the kernel, which decides by it what the program may call; not what the manifest says of it.
static int check_license(const struct policy *policy, const struct inspection *inspection,
			 const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	if (!policy->licenses || has_text(policy->licenses, inspection->license))
		return 0;
	fault_set(why, FAULT_POLICY, "license: its licence is \"%s\", which is not allowed",
		  inspection->license);
	return fault_fix(why, "allow it with \"licenses\" in the policy");
}

// "net" is all that the publisher net has, as "net/*" is.
static bool matches_use(const struct json *patterns, const char *use)
{
	for (size_t i = 0; i < json_count(patterns); i++) {
		const char *pattern = json_text(json_item(patterns, i));
		char whole[160];

		snprintf(whole, sizeof whole, "%s%s", pattern, strchr(pattern, '/') ? "" : "/*");
		if (path_matches(whole, use))
			return true;
	}
	return false;
}

static int check_publisher(const struct policy *policy, const char *use, struct fault *why)
{
	if (!policy->publishers || matches_use(policy->publishers, use))
		return 0;
	fault_set(why, FAULT_POLICY, "publishers: %s is of no publisher that is allowed here", use);
	return fault_fix(why, "allow it with \"publishers\" in the policy");
}

// The name of a bundle; "" where a test has no manifest to speak of.
static void use_of(const struct manifest *manifest, char use[static 160])
{
	snprintf(use, 160, "%.64s/%.64s", manifest->publisher ? manifest->publisher : "",
		 manifest->name ? manifest->name : "");
}

static int check_publishers(const struct policy *policy, const struct inspection *inspection,
			    const struct manifest *manifest, struct fault *why)
{
	char use[160];

	(void)inspection;
	use_of(manifest, use);
	return check_publisher(policy, use, why);
}

// Every entry whose name matches counts: a further entry can only allow more. NULL: any interface.
static bool has_place(const struct policy *policy, const char *use, const char *interface)
{
	struct json_walk walk = {0};

	if (!policy->interfaces)
		return true;
	while (json_next(policy->interfaces, &walk))
		if (strcmp(walk.key, "//") != 0 &&
		    (!interface || path_matches(walk.key, interface)) &&
		    matches_use(walk.value, use))
			return true;
	return false;
}

// Probes stand on no interface.
static bool is_all_probes(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->program_count; i++)
		if (manifest->programs[i].hook != HOOK_PROBE)
			return false;
	return manifest->program_count > 0;
}

static int check_interfaces(const struct policy *policy, const struct inspection *inspection,
			    const struct manifest *manifest, struct fault *why)
{
	char use[160];

	(void)inspection;
	use_of(manifest, use);
	if (is_all_probes(manifest) || has_place(policy, use, NULL))
		return 0;
	fault_set(why, FAULT_POLICY, "interfaces: %s may stand on no interface", use);
	return fault_fix(why, "allow it with \"interfaces\" in the policy");
}

int policy_check_place(const struct policy *policy, const char *use, const char *interface,
		       struct fault *why)
{
	if (check_publisher(policy, use, why))
		return -1;
	if (!interface || has_place(policy, use, interface))
		return 0;
	fault_set(why, FAULT_POLICY, "interfaces: %s may not stand on %s", use, interface);
	return fault_fix(why, "allow it with \"interfaces\" in the policy");
}

static int check_map_types(const struct policy *policy, const struct inspection *inspection,
			   const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];
		const char *name = map_type_name(map->type);

		if (!map_type_is_allowed(map->type))
			return fault_set(
				why, FAULT_POLICY,
				"map types: map %s is of type %s, which is never allowed here",
				map->name, name ? name : "unknown");
		// The maps of globals are the program's own image, whatever they are called.
		if (map->internal || policy_allows_map_type(policy, map->type))
			continue;
		fault_set(why, FAULT_POLICY,
			  "map types: map %s is of type %s, which is not allowed", map->name, name);
		return fault_fix(why, "allow it with \"map_types\" in the policy");
	}
	return 0;
}

// What changes how a map's memory is laid out or who may write it, and nothing that later kernels add. BPF_F_MMAPABLE, which
// libbpf's own maps for globals carry too, gives nobody a map that he cannot open: the pins are ours alone. (What asks to be
// pinned by name is pinned with the others, below our own tree, and nowhere else: loader/object.c.)
static bool has_allowed_flags(const struct inspect_map *map)
{
	const uint32_t allowed = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_RDONLY_PROG |
				 BPF_F_WRONLY_PROG | BPF_F_INNER_MAP | BPF_F_MMAPABLE;

	return (map->flags & ~allowed) == 0;
}

static int check_map_flags(const struct policy *policy, const struct inspection *inspection,
			   const struct manifest *manifest, struct fault *why)
{
	(void)policy;
	(void)manifest;
	for (size_t i = 0; i < inspection->map_count; i++) {
		if (!has_allowed_flags(&inspection->maps[i]))
			return fault_set(
				why, FAULT_POLICY,
				"map flags: map %s has flags 0x%x, not all of which are allowed",
				inspection->maps[i].name, inspection->maps[i].flags);
	}
	return 0;
}

static bool times(uint64_t *number, uint64_t by)
{
	return !__builtin_mul_overflow(*number, by, number);
}

// What the kernel needs for an entry besides its key and value, as Linux 6.18 tells of filled maps: 4,194,304 entries of a
// hash with keys of 4 bytes and values of 1 take 335,545,360 bytes, 80 each, of which 16 are key and value. Per-CPU hashes
// have a pointer more. In a trie, most entries bring a fork with them: 128 bytes for both with keys of 8 bytes.
#define HASH_ENTRY	  64
#define PERCPU_HASH_ENTRY 72
#define TRIE_ENTRY	  112

static uint64_t entry_bytes(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_DEVMAP_HASH:
		return HASH_ENTRY;
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return PERCPU_HASH_ENTRY;
	case BPF_MAP_TYPE_LPM_TRIE:
		return TRIE_ENTRY;
	default:
		return 0;
	}
}

uint64_t policy_map_bytes(const struct inspect_map *map, uint32_t cpus)
{
	uint64_t bytes = ((map->key_size + UINT64_C(7)) & ~UINT64_C(7)) +
			 ((map->value_size + UINT64_C(7)) & ~UINT64_C(7));
	// libbpf sizes a perf event array without entries by the machine.
	uint64_t entries = map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !map->max_entries
				   ? cpus
				   : map->max_entries;

	// A ring buffer counts its bytes as entries.
	if (map->type == BPF_MAP_TYPE_RINGBUF)
		return map->max_entries;
	if ((map_type_is_percpu(map->type) && !times(&bytes, cpus)) ||
	    __builtin_add_overflow(bytes, entry_bytes(map->type), &bytes) ||
	    !times(&bytes, entries))
		return UINT64_MAX;
	return bytes;
}

// Up to and with map `last`; UINT64_MAX when it does not fit.
static uint64_t bytes_until(const struct inspection *inspection, size_t last, uint32_t cpus)
{
	uint64_t total = 0;

	for (size_t i = 0; i < inspection->map_count && i <= last; i++)
		if (__builtin_add_overflow(total, policy_map_bytes(&inspection->maps[i], cpus),
					   &total))
			return UINT64_MAX;
	return total;
}

uint64_t policy_object_bytes(const struct inspection *inspection, uint32_t cpus)
{
	return bytes_until(inspection, SIZE_MAX, cpus);
}

static int check_map_memory(const struct policy *policy, const struct inspection *inspection,
			    const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	for (size_t i = 0; policy->map_bytes_max && i < inspection->map_count; i++) {
		uint64_t bytes = bytes_until(inspection, i, policy->cpus);

		if (bytes != UINT64_MAX && bytes <= policy->map_bytes_max)
			continue;
		fault_set(why, FAULT_POLICY,
			  "map memory: with map %s its maps take more than %llu bytes",
			  inspection->maps[i].name, (unsigned long long)policy->map_bytes_max);
		return fault_fix(why,
				 "make the map smaller, or raise \"map_bytes_max\" in the policy");
	}
	return 0;
}

int policy_check_total(const struct policy *policy, uint64_t bytes, struct fault *why)
{
	if (!policy->map_bytes_total || bytes <= policy->map_bytes_total)
		return 0;
	fault_set(why, FAULT_POLICY,
		  "node memory: the maps take %llu bytes, and all programs of the node may have "
		  "%llu",
		  (unsigned long long)bytes, (unsigned long long)policy->map_bytes_total);
	return fault_fix(why, "take programs out, or raise \"map_bytes_total\" in the policy");
}

static int check_node_memory(const struct policy *policy, const struct inspection *inspection,
			     const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	return policy_check_total(policy, policy_object_bytes(inspection, policy->cpus), why);
}

static const struct {
	const char *name;
	rule_check *check;
} rules[] = {
	{"programs", check_programs},	    {"helpers", check_helpers},
	{"kernel", check_kernel},	    {"instructions", check_instructions},
	{"license", check_license},	    {"publishers", check_publishers},
	{"interfaces", check_interfaces},   {"map types", check_map_types},
	{"map flags", check_map_flags},	    {"map memory", check_map_memory},
	{"node memory", check_node_memory},
};

size_t policy_rule_count(void)
{
	return sizeof rules / sizeof *rules;
}

const char *policy_rule_name(size_t rule)
{
	return rules[rule].name;
}

int policy_check_rule(size_t rule, const struct policy *policy, const struct inspection *inspection,
		      const struct manifest *manifest, struct fault *why)
{
	return rules[rule].check(policy, inspection, manifest, why);
}

int policy_check(const struct policy *policy, const struct inspection *inspection,
		 const struct manifest *manifest, struct fault *why)
{
	for (size_t i = 0; i < policy_rule_count(); i++) {
		if (policy_check_rule(i, policy, inspection, manifest, why))
			return -1;
	}
	return 0;
}
