// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// At most so many packets a second from each IPv4 source. Goes on along the chain by itself (bpf/chain.h).
#include "bpf/packet.h"

#include "bpf/chain.h"

#define RL_WINDOW_NS 1000000000ll

// Packets a second and source; 0, as the kernel makes the map, is no limit.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} rl_config SEC(".maps");

struct rl_source {
	__u64 start_ns; // when the second began in which `packets` were counted
	__u64 packets;
};

// LRU: a flood of forged sources pushes out the oldest entries instead of shutting new sources out.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __be32);
	__type(value, struct rl_source);
} rl_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} rl_drops SEC(".maps");

// A source's second begins with its first packet, so a burst of `limit` always fits in one. Counts this packet;
// true when it is one too many.
static __always_inline bool is_over(__be32 address, __u32 limit)
{
	struct rl_source fresh = {.start_ns = bpf_ktime_get_ns(), .packets = 1};
	struct rl_source *source = bpf_map_lookup_elem(&rl_state, &address);
	__u64 start;

	if (!source) {
		bpf_map_update_elem(&rl_state, &address, &fresh, BPF_NOEXIST);
		return false;
	}
	// Signed, as another CPU may have begun a second a moment after our clock was read. Of several CPUs that see
	// the second end, the exchange lets one start the next.
	start = source->start_ns;
	if ((__s64)(fresh.start_ns - start) >= RL_WINDOW_NS &&
	    __sync_val_compare_and_swap(&source->start_ns, start, fresh.start_ns) == start)
		source->packets = 0;
	return __sync_fetch_and_add(&source->packets, 1) >= limit;
}

// A frame that cannot be read has no source to count: it goes on, and what stands behind judges it.
SEC("xdp")
int ratelimit(struct xdp_md *ctx)
{
	struct packet packet = packet_read(ctx);
	__u32 slot = 0;
	__u32 *limit = bpf_map_lookup_elem(&rl_config, &slot);
	__u64 *drops;

	if (packet.kind != PACKET_IPV4 || !limit || !*limit || !is_over(packet.source, *limit))
		return chain_next(ctx, XDP_PASS);
	drops = bpf_map_lookup_elem(&rl_drops, &slot);
	if (drops)
		*drops += 1;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
