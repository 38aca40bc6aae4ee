// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program for TC that goes on along the chain by itself.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

SEC("tc")
int jump_tc(struct __sk_buff *skb)
{
	return chain_next(skb, TC_ACT_SHOT);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
