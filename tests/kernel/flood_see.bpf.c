// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Stands behind a chain, outside it, and looks at each frame of the flood that comes through: whether its way is one of
// the two that are legal now (the running chain's, and while it is switched the next one's), and whether it is the next of
// its flow. No bpfseal code is in the way between here and the packet.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/kernel/flood.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} legal SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood_tally);
} tally SEC(".maps");

// The next sequence number of each flow.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOOD_FLOWS);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

static __always_inline int is_legal(__u64 way)
{
	__u32 zero = 0, one = 1;
	__u64 *now = bpf_map_lookup_elem(&legal, &zero), *next = bpf_map_lookup_elem(&legal, &one);

	return (now && *now == way) || (next && *next == way);
}

// A flow goes through one receive queue, so nobody else is at its number.
static __always_inline int is_next(const struct flood_frame *frame)
{
	__u32 flow = frame->flow;
	__u64 *next = bpf_map_lookup_elem(&flows, &flow);
	int is;

	if (!next)
		return 0;
	is = *next == frame->seq;
	*next = frame->seq + 1;
	return is;
}

SEC("tc")
int flood_see(struct __sk_buff *skb)
{
	struct flood_frame *frame = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	__u32 zero = 0;
	struct flood_tally *sum = bpf_map_lookup_elem(&tally, &zero);

	if ((void *)(frame + 1) > end || frame->dest != bpf_htons(FLOOD_PORT) || !sum)
		return TC_ACT_UNSPEC;
	__sync_fetch_and_add(&sum->seen, 1);
	__sync_fetch_and_or(&sum->cpus, 1ull << (bpf_get_smp_processor_id() & 63));
	if (!is_legal(frame->way))
		__sync_fetch_and_add(&sum->misrouted, 1);
	if (!is_next(frame))
		__sync_fetch_and_add(&sum->astray, 1);
	// Taken, not dropped: a drop on the way out would look to the sender like a frame that was never sent.
	return TC_ACT_STOLEN;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
