// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Version 2 of the counter: also says since when it has been counting. `counts` is defined exactly as in version 1,
// so an upgrade goes on with the numbers that are there.
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

// Nanoseconds since boot of the first packet that this version saw; 0: none yet.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} count_since SEC(".maps");

// What has no IP header is counted too, so that the sum is all that came by. IANA reserves 255 from all use.
#define COUNT_NO_IP 255

static __always_inline void note_first(void)
{
	__u32 slot = 0;
	__u64 *since = bpf_map_lookup_elem(&count_since, &slot);

	if (since && !*since)
		__sync_val_compare_and_swap(since, 0, bpf_ktime_get_ns());
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	struct packet packet = packet_read(ctx);
	bool is_ip = packet.kind == PACKET_IPV4 || packet.kind == PACKET_IPV6;
	__u32 slot = is_ip ? packet.protocol : COUNT_NO_IP;
	struct counter *counter = bpf_map_lookup_elem(&counts, &slot);

	note_first();
	if (counter) {
		counter->packets += 1;
		counter->bytes += ctx->data_end - ctx->data;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
