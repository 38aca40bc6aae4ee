// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs for TC: each counts the packet and adds its digit to its mark.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline int flow(struct __sk_buff *skb, unsigned int number, int verdict)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	skb->mark = skb->mark * 10 + number;
	return verdict;
}

SEC("tc")
int flow1(struct __sk_buff *skb)
{
	return flow(skb, 1, TC_ACT_OK);
}

SEC("tc")
int flow2(struct __sk_buff *skb)
{
	return flow(skb, 2, TC_ACT_UNSPEC);
}

SEC("tc")
int flow_drop(struct __sk_buff *skb)
{
	return flow(skb, 9, TC_ACT_SHOT);
}

// The old way to read a packet: where it is too short, the load itself ends the function, with 0.
unsigned long long load_byte(void *skb, unsigned long long at) asm("llvm.bpf.load.byte");

SEC("tc")
int flow_old(struct __sk_buff *skb)
{
	flow(skb, 4, TC_ACT_OK);
	return load_byte(skb, 5000) == 1 ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
