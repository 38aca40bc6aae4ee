// SPDX-License-Identifier: Apache-2.0
#include "bpf/policy.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/helper.h"
#include "bpf/maptype.h"

#define MAP_BYTES_DEFAULT (UINT64_C(64) << 20)
#define CPUS_FILE	  "/sys/devices/system/cpu/possible"
#define CPUS_MAX	  8192

// Where the file cannot be read: more than most have, so that a limit is never passed by not knowing.
#define CPUS_UNKNOWN 256

static const char *const groups[HELPER_GROUPS + 1] = {
	[HELPERS_BASE] = "base", [HELPERS_REDIRECT] = "redirect", [HELPERS_OUTPUT] = "output",
	[HELPERS_TIME] = "time", [HELPERS_SOCKET] = "socket",
};

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
		.cpus = 1,
	};

	for (int i = 0; i < HELPER_GROUPS; i++)
		policy.groups[i] = true;
	return policy;
}

// ---- helpers ----

// What is not named here is never grantable: what reads or writes memory outside the packet and the maps, acts on
// processes, files or the kernel's own objects, prints to the trace log, belongs to other program types, or is new.
// A stolen or careless policy file cannot add it (A82).
int policy_helper_group(uint32_t id)
{
	switch (id) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
	case BPF_FUNC_map_lookup_percpu_elem:
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_tail_call:
	case BPF_FUNC_loop:
	case BPF_FUNC_spin_lock:
	case BPF_FUNC_spin_unlock:
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_coarse_ns:
	case BPF_FUNC_jiffies64:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_get_numa_node_id:
	case BPF_FUNC_csum_diff:
	case BPF_FUNC_csum_update:
	case BPF_FUNC_csum_level:
	case BPF_FUNC_l3_csum_replace:
	case BPF_FUNC_l4_csum_replace:
	case BPF_FUNC_skb_load_bytes:
	case BPF_FUNC_skb_load_bytes_relative:
	case BPF_FUNC_skb_store_bytes:
	case BPF_FUNC_skb_pull_data:
	case BPF_FUNC_skb_change_proto:
	case BPF_FUNC_skb_change_type:
	case BPF_FUNC_skb_change_head:
	case BPF_FUNC_skb_change_tail:
	case BPF_FUNC_skb_adjust_room:
	case BPF_FUNC_skb_vlan_push:
	case BPF_FUNC_skb_vlan_pop:
	case BPF_FUNC_skb_ecn_set_ce:
	case BPF_FUNC_skb_get_tunnel_key:
	case BPF_FUNC_skb_get_tunnel_opt:
	case BPF_FUNC_get_hash_recalc:
	case BPF_FUNC_set_hash:
	case BPF_FUNC_set_hash_invalid:
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_meta:
	case BPF_FUNC_xdp_adjust_tail:
	case BPF_FUNC_xdp_get_buff_len:
	case BPF_FUNC_xdp_load_bytes:
	case BPF_FUNC_xdp_store_bytes:
	case BPF_FUNC_check_mtu:
	case BPF_FUNC_strtol:
	case BPF_FUNC_strtoul:
	case BPF_FUNC_strncmp:
	case BPF_FUNC_snprintf:
	case BPF_FUNC_dynptr_from_mem:
	case BPF_FUNC_dynptr_read:
	case BPF_FUNC_dynptr_write:
	case BPF_FUNC_dynptr_data:
		return HELPERS_BASE;
	case BPF_FUNC_redirect:
	case BPF_FUNC_redirect_map:
	case BPF_FUNC_redirect_neigh:
	case BPF_FUNC_redirect_peer:
	case BPF_FUNC_clone_redirect:
	case BPF_FUNC_fib_lookup:
	case BPF_FUNC_skb_set_tunnel_key:
	case BPF_FUNC_skb_set_tunnel_opt:
		return HELPERS_REDIRECT;
	case BPF_FUNC_perf_event_output:
	case BPF_FUNC_ringbuf_output:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_ringbuf_submit:
	case BPF_FUNC_ringbuf_discard:
	case BPF_FUNC_ringbuf_query:
	case BPF_FUNC_ringbuf_reserve_dynptr:
	case BPF_FUNC_ringbuf_submit_dynptr:
	case BPF_FUNC_ringbuf_discard_dynptr:
		return HELPERS_OUTPUT;
	case BPF_FUNC_timer_init:
	case BPF_FUNC_timer_set_callback:
	case BPF_FUNC_timer_start:
	case BPF_FUNC_timer_cancel:
	case BPF_FUNC_ktime_get_tai_ns:
	case BPF_FUNC_skb_set_tstamp:
		return HELPERS_TIME;
	case BPF_FUNC_sk_lookup_tcp:
	case BPF_FUNC_sk_lookup_udp:
	case BPF_FUNC_skc_lookup_tcp:
	case BPF_FUNC_sk_release:
	case BPF_FUNC_sk_fullsock:
	case BPF_FUNC_sk_assign:
	case BPF_FUNC_sk_cgroup_id:
	case BPF_FUNC_sk_ancestor_cgroup_id:
	case BPF_FUNC_tcp_sock:
	case BPF_FUNC_get_listener_sock:
	case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_tcp_sock:
	case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
	case BPF_FUNC_skc_to_udp6_sock:
	case BPF_FUNC_tcp_check_syncookie:
	case BPF_FUNC_tcp_gen_syncookie:
	case BPF_FUNC_tcp_raw_gen_syncookie_ipv4:
	case BPF_FUNC_tcp_raw_gen_syncookie_ipv6:
	case BPF_FUNC_tcp_raw_check_syncookie_ipv4:
	case BPF_FUNC_tcp_raw_check_syncookie_ipv6:
	case BPF_FUNC_get_socket_cookie:
	case BPF_FUNC_get_socket_uid:
	case BPF_FUNC_get_netns_cookie:
	case BPF_FUNC_get_cgroup_classid:
	case BPF_FUNC_skb_cgroup_classid:
	case BPF_FUNC_skb_cgroup_id:
	case BPF_FUNC_skb_ancestor_cgroup_id:
	case BPF_FUNC_skb_under_cgroup:
	case BPF_FUNC_get_route_realm:
	case BPF_FUNC_skb_get_xfrm_state:
		return HELPERS_SOCKET;
	default:
		return -1;
	}
}

const char *helper_group_name(enum helper_group group)
{
	return group < HELPER_GROUPS ? groups[group] : "?";
}

int helper_group_parse(const char *name, enum helper_group *out, struct fault *why)
{
	const char *near;

	for (int i = 0; i < HELPER_GROUPS; i++) {
		if (strcmp(name, groups[i]) == 0) {
			*out = (enum helper_group)i;
			return 0;
		}
	}
	near = json_nearest(name, groups);
	fault_set(why, FAULT_CONFIG, "there is no helper group '%.40s'%s%s", name,
		  near ? ": did you mean " : "", near ? near : "");
	return fault_fix(why, "the groups are base, redirect, output, time and socket");
}

int policy_check_helper(const struct policy *policy, uint32_t id, struct fault *why)
{
	const char *name = helper_name(id);
	int group = policy_helper_group(id);

	if (group < 0 && !name)
		return fault_set(why, FAULT_POLICY, "helpers: it calls helper %u, which is unknown",
				 id);
	if (group < 0)
		return fault_set(why, FAULT_POLICY,
				 "helpers: it calls bpf_%s, which is never allowed here", name);
	if (policy->groups[group])
		return 0;
	fault_set(why, FAULT_POLICY, "helpers: it calls bpf_%s, of the group '%s'", name,
		  groups[group]);
	return fault_fix(why, "allow it with \"helpers\": [..., \"%s\"] in the policy",
			 groups[group]);
}

// ---- the rules ----

typedef int rule_check(const struct policy *policy, const struct inspection *inspection,
		       const struct manifest *manifest, struct fault *why);

static int check_programs(const struct policy *policy, const struct inspection *inspection,
			  const struct manifest *manifest, struct fault *why)
{
	(void)inspection;
	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (program->hook == HOOK_XDP ? policy->xdp : policy->tc)
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
	(void)manifest;
	if (inspection->helper_unknown)
		return fault_set(why, FAULT_POLICY,
				 "helpers: it makes a call that names no known helper");
	for (uint32_t id = 0; id < INSPECT_HELPERS_MAX; id++) {
		if (inspection->helpers[id] && policy_check_helper(policy, id, why))
			return -1;
	}
	return 0;
}

static bool allows_kfunc(const struct policy *policy, const char *name)
{
	// "#123": called by number, so nobody knows what it is.
	if (name[0] == '#')
		return false;
	for (size_t i = 0; i < policy->kfunc_count; i++) {
		if (strcmp(policy->kfuncs[i], name) == 0)
			return true;
	}
	return policy->kfuncs_any;
}

static int check_kernel(const struct policy *policy, const struct inspection *inspection,
			const struct manifest *manifest, struct fault *why)
{
	(void)manifest;
	for (size_t i = 0; i < inspection->kfunc_count; i++) {
		if (allows_kfunc(policy, inspection->kfuncs[i]))
			continue;
		fault_set(why, FAULT_POLICY,
			  "kernel: it uses the kernel's %s, which is not allowed",
			  inspection->kfuncs[i]);
		return fault_fix(why, "allow it by name with \"kfuncs\" in the policy");
	}
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

static int check_map_types(const struct policy *policy, const struct inspection *inspection,
			   const struct manifest *manifest, struct fault *why)
{
	(void)policy;
	(void)manifest;
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];
		const char *name = map_type_name(map->type);

		if (!map_type_is_allowed(map->type))
			return fault_set(
				why, FAULT_POLICY,
				"map types: map %s is of type %s, which is never allowed here",
				map->name, name ? name : "unknown");
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

static int check_map_memory(const struct policy *policy, const struct inspection *inspection,
			    const struct manifest *manifest, struct fault *why)
{
	uint64_t total = 0;

	(void)manifest;
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];
		uint64_t bytes = policy_map_bytes(map, policy->cpus);

		if (!__builtin_add_overflow(total, bytes, &total) && bytes != UINT64_MAX &&
		    total <= policy->map_bytes_max)
			continue;
		fault_set(why, FAULT_POLICY,
			  "map memory: with map %s its maps take more than %llu bytes", map->name,
			  (unsigned long long)policy->map_bytes_max);
		return fault_fix(why,
				 "make the map smaller, or raise \"map_bytes_max\" in the policy");
	}
	return 0;
}

static const struct {
	const char *name;
	rule_check *check;
} rules[] = {
	{"programs", check_programs},	  {"helpers", check_helpers},
	{"kernel", check_kernel},	  {"instructions", check_instructions},
	{"map types", check_map_types},	  {"map flags", check_map_flags},
	{"map memory", check_map_memory},
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
