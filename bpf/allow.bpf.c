// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An allow-list of IPv4 sources. An ordinary XDP program: it knows nothing of chains.
#include "bpf/packet.h"

// Who may send. The value means nothing: an address that is here is allowed.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __be32);
	__type(value, __u32);
} allow_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} allow_drops SEC(".maps");

static __always_inline int drop(void)
{
	__u32 slot = 0;
	__u64 *drops = bpf_map_lookup_elem(&allow_drops, &slot);

	if (drops)
		*drops += 1;
	return XDP_DROP;
}

// What is not IPv4 is none of this list's business and passes: ARP, or the node would be unreachable, and IPv6,
// which needs a list of its own. A frame that cannot be read has shown no allowed source, so it is dropped.
SEC("xdp")
int allow(struct xdp_md *ctx)
{
	struct packet packet = packet_read(ctx);

	if (packet.kind == PACKET_BROKEN)
		return drop();
	if (packet.kind != PACKET_IPV4)
		return XDP_PASS;
	return bpf_map_lookup_elem(&allow_v4, &packet.source) ? XDP_PASS : drop();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
