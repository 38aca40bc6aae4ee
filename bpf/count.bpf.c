// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counts packets and bytes by IP protocol. An ordinary XDP program: it knows nothing of chains.
#include "bpf/packet.h"

struct counter {
	__u64 packets;
	__u64 bytes; // whole frames, from the Ethernet header on
};

// By protocol number: 1 ICMP, 6 TCP, 17 UDP ... of IPv6 the first next header.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct counter);
} counts SEC(".maps");

// What has no IP header is counted too, so that the sum is all that came by. IANA reserves 255 from all use.
#define COUNT_NO_IP 255

SEC("xdp")
int count(struct xdp_md *ctx)
{
	struct packet packet = packet_read(ctx);
	bool is_ip = packet.kind == PACKET_IPV4 || packet.kind == PACKET_IPV6;
	__u32 slot = is_ip ? packet.protocol : COUNT_NO_IP;
	struct counter *counter = bpf_map_lookup_elem(&counts, &slot);

	if (counter) {
		counter->packets += 1;
		counter->bytes += ctx->data_end - ctx->data;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
