// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs that go on by themselves and, when the kernel's budget of tail calls is spent, find nothing there. Where
// `left` says so they try another array of theirs first: nobody can have filled it.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

#define ARRAY(name)                                    \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);                \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} name SEC(".maps")

ARRAY(own_next);
ARRAY(self);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} left SEC(".maps");

static __always_inline int is_left(void)
{
	__u32 zero = 0;
	__u32 *count = bpf_map_lookup_elem(&left, &zero);

	if (!count || !*count)
		return 0;
	--*count;
	return 1;
}

SEC("xdp")
int fall_own(struct xdp_md *ctx)
{
	if (is_left())
		bpf_tail_call_static(ctx, &self, 0);
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int fall_header(struct xdp_md *ctx)
{
	if (is_left())
		bpf_tail_call_static(ctx, &self, 0);
	return chain_next(ctx, XDP_ABORTED);
}

SEC("xdp.frags")
int fall_frags(struct xdp_md *ctx)
{
	if (is_left())
		bpf_tail_call_static(ctx, &self, 0);
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_ABORTED;
}

// Two ways on, with jumps over each other and a loop around the second.
SEC("xdp")
int fall_ways(struct xdp_md *ctx)
{
	__u32 turns = ctx->rx_queue_index & 3;

	if (is_left())
		bpf_tail_call_static(ctx, &self, 0);
	if (ctx->ingress_ifindex == 0x7fffffff) {
		bpf_tail_call_static(ctx, &own_next, 0);
		return XDP_TX;
	}
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 8; i++) {
		if (bpf_get_prandom_u32() == i)
			turns++;
		if (turns > 64)
			goto out;
	}
	bpf_tail_call_static(ctx, &own_next, 0);
out:
	return turns > 64 ? XDP_TX : XDP_ABORTED;
}

static __attribute__((noinline)) int go_on(struct xdp_md *ctx)
{
	volatile int verdict = XDP_TX;

	bpf_tail_call_static(ctx, &own_next, 0);
	return verdict;
}

// The jump is in a function: that it failed is counted, and the program goes on with what the function says.
SEC("xdp")
int fall_function(struct xdp_md *ctx)
{
	if (is_left())
		bpf_tail_call_static(ctx, &self, 0);
	return go_on(ctx);
}

// Through one of two maps: the code does not show which.
SEC("xdp")
int fall_choice(struct xdp_md *ctx)
{
	void *map = &self;

	if (!is_left())
		map = &own_next;
	asm volatile("" : "+r"(map));
	bpf_tail_call(ctx, map, 0);
	// Only when `self` had no more budget.
	asm volatile("" : "+r"(ctx));
	return XDP_TX;
}

// An ordinary program with an array of its own.
SEC("xdp")
int fall_aside(struct xdp_md *ctx)
{
	bpf_tail_call_static(ctx, &self, 0);
	return XDP_PASS;
}

// Declares the map, and goes nowhere.
SEC("xdp")
int fall_dead(struct xdp_md *ctx)
{
	bpf_tail_call_static(ctx, &self, 0);
	return is_left() ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int fall_tc(struct __sk_buff *skb)
{
	if (is_left())
		bpf_tail_call_static(skb, &self, 0);
	bpf_tail_call_static(skb, &own_next, 0);
	return TC_ACT_STOLEN;
}

unsigned long long load_byte(void *skb, unsigned long long at) asm("llvm.bpf.load.byte");

// A load that ends it where a packet is short.
SEC("tc")
int fall_short(struct __sk_buff *skb)
{
	if (load_byte(skb, 5000) == 1)
		return TC_ACT_SHOT;
	bpf_tail_call_static(skb, &own_next, 0);
	return TC_ACT_STOLEN;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
