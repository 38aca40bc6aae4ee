// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs for TCX: each adds its digit to the packet's mark.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int flow1(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 1;
	return TC_ACT_OK;
}

SEC("tc")
int flow2(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 2;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int flow_drop(struct __sk_buff *skb)
{
	skb->mark = skb->mark * 10 + 9;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
