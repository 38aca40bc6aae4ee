// SPDX-License-Identifier: Apache-2.0
#include "bpf/helper.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"

// The header's own list, so that no number is ever typed here. Newer headers hand over a number as well.
#define HELPER_ROW(name, ...) [BPF_FUNC_##name] = #name
static const char *const names[] = {__BPF_FUNC_MAPPER(HELPER_ROW)};

const char *helper_name(uint32_t id)
{
	// Number 0 ("unspec") is no helper.
	return id && id < sizeof names / sizeof *names ? names[id] : NULL;
}

// ---- groups ----

static const char *const groups[HELPER_GROUPS + 1] = {
	[HELPERS_BASE] = "base", [HELPERS_REDIRECT] = "redirect", [HELPERS_OUTPUT] = "output",
	[HELPERS_TIME] = "time", [HELPERS_SOCKET] = "socket",	  [HELPERS_TRACING] = "tracing",
};

// What is not named here is never grantable: what reads or writes memory outside the packet and the maps, acts on
// processes, files or the kernel's own objects, prints to the trace log, belongs to other program types, or is new.
// A stolen or careless policy file cannot add it (A82).
int helper_group(uint32_t id)
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
	// They read: who runs, and what stands in the kernel's memory. What writes there, or acts, is never grantable.
	case BPF_FUNC_get_current_pid_tgid:
	case BPF_FUNC_get_current_uid_gid:
	case BPF_FUNC_get_current_comm:
	case BPF_FUNC_get_current_task:
	case BPF_FUNC_get_current_task_btf:
	case BPF_FUNC_get_current_cgroup_id:
	case BPF_FUNC_get_current_ancestor_cgroup_id:
	case BPF_FUNC_get_ns_current_pid_tgid:
	case BPF_FUNC_get_func_ip:
	case BPF_FUNC_get_func_arg:
	case BPF_FUNC_get_func_ret:
	case BPF_FUNC_get_func_arg_cnt:
	case BPF_FUNC_get_attach_cookie:
	case BPF_FUNC_get_stackid:
	case BPF_FUNC_get_stack:
	case BPF_FUNC_probe_read_kernel:
	case BPF_FUNC_probe_read_kernel_str:
		return HELPERS_TRACING;
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
	return fault_fix(why, "the groups are base, redirect, output, time, socket and tracing");
}

// The nearest of all helpers that a file can name, without their prefix; NULL: none.
static const char *nearest_helper(const char *word)
{
	const char *known[HELPER_IDS + 1] = {NULL};
	size_t count = 0;

	for (uint32_t id = 1; id < HELPER_IDS; id++)
		if (helper_group(id) >= 0)
			known[count++] = helper_name(id);
	return json_nearest(word, known);
}

int helper_parse(const char *name, uint32_t *id, struct fault *why)
{
	const char *word = strncmp(name, "bpf_", 4) ? name : name + 4, *near;

	for (uint32_t i = 1; i < HELPER_IDS; i++) {
		if (!helper_name(i) || strcmp(helper_name(i), word) != 0)
			continue;
		*id = i;
		if (helper_group(i) >= 0)
			return 0;
		return fault_set(why, FAULT_CONFIG, "bpf_%s can never be allowed", word);
	}
	near = nearest_helper(word);
	return fault_set(why, FAULT_CONFIG, "there is no helper '%.60s'%s%s", name,
			 near ? ": did you mean bpf_" : "", near ? near : "");
}
