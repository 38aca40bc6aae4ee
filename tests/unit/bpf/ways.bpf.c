// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Programs that go on in many ways, good and bad, for those who tell from the code where a tail call leads.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

#define ARRAY(name, slots)                             \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, slots);            \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} name SEC(".maps")

ARRAY(own_next, 2);
ARRAY(parts, 8);

// L3AF's mistake: the map is there, and nobody goes through it.
SEC("xdp")
int dead_next(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &parts, 0);
	return XDP_PASS;
}

SEC("xdp")
int plain(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &own_next, 0);
	return XDP_PASS;
}

SEC("xdp")
int by_header(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex == 1)
		return XDP_DROP;
	return chain_next(ctx, XDP_PASS);
}

SEC("xdp")
int other_slot(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &own_next, 1);
	return XDP_PASS;
}

SEC("xdp")
int any_slot(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &own_next, ctx->rx_queue_index);
	return XDP_PASS;
}

// Three of its own, then on.
SEC("xdp")
int with_parts(struct xdp_md *ctx)
{
	bpf_tail_call_static(ctx, &parts, 0);
	bpf_tail_call_static(ctx, &parts, 1);
	bpf_tail_call_static(ctx, &parts, 2);
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_PASS;
}

// One of two, and either way on: the longest way counts.
SEC("xdp")
int either_way(struct xdp_md *ctx)
{
	if (ctx->rx_queue_index) {
		bpf_tail_call_static(ctx, &parts, 0);
		return XDP_DROP;
	}
	bpf_tail_call_static(ctx, &parts, 1);
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_PASS;
}

static __attribute__((noinline)) int go_on(struct xdp_md *ctx, int verdict)
{
	bpf_tail_call_static(ctx, &own_next, 0);
	return verdict;
}

SEC("xdp")
int by_function(struct xdp_md *ctx)
{
	return go_on(ctx, XDP_PASS);
}

static __attribute__((noinline)) int go_through(struct xdp_md *ctx, void *map)
{
	asm volatile("" : "+r"(map));
	bpf_tail_call(ctx, map, 0);
	return XDP_PASS;
}

// Which map it is comes as an argument, of the same value from each caller.
SEC("xdp")
int by_argument(struct xdp_md *ctx)
{
	if (ctx->rx_queue_index == 7)
		return go_through(ctx, &own_next) | 1;
	return go_through(ctx, &own_next);
}

// Two maps in one register: which it is nobody can tell.
SEC("xdp")
int by_choice(struct xdp_md *ctx)
{
	void *map = &parts;

	if (ctx->rx_queue_index)
		map = &own_next;
	asm volatile("" : "+r"(map));
	bpf_tail_call(ctx, map, 0);
	return XDP_PASS;
}

// By way of the stack, which is not followed.
SEC("xdp")
int by_stack(struct xdp_md *ctx)
{
	void *volatile map = &own_next;

	bpf_tail_call(ctx, map, 0);
	return XDP_PASS;
}

static __attribute__((noinline)) int one_part(struct xdp_md *ctx, __u32 part)
{
	bpf_tail_call(ctx, &parts, part & 7);
	return (int)part;
}

SEC("xdp")
int in_a_loop(struct xdp_md *ctx)
{
	int sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 5; i++)
		sum += one_part(ctx, i);
	if (sum == 4711)
		return XDP_DROP;
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_PASS;
}

SEC("xdp")
int twice(struct xdp_md *ctx)
{
	if (one_part(ctx, 1) + one_part(ctx, 2) == 4711)
		return XDP_DROP;
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_PASS;
}

SEC("xdp")
int none(struct xdp_md *ctx)
{
	return ctx->rx_queue_index ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
