// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the chain's bench measures hops with: a body that looks at the packet's size and lets it go on, once for each way
// of standing in a chain; and the same with a counter, as a sample of real work.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} own_next SEC(".maps");

// Nobody fills it: it is there for a program that has a tail call of its own.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} aside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline int is_short(struct xdp_md *ctx)
{
	return (void *)(long)ctx->data + 14 > (void *)(long)ctx->data_end;
}

SEC("xdp")
int hop_wrap(struct xdp_md *ctx)
{
	return is_short(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int hop_chain(struct xdp_md *ctx)
{
	return is_short(ctx) ? XDP_DROP : chain_next(ctx, XDP_PASS);
}

SEC("xdp")
int hop_own(struct xdp_md *ctx)
{
	if (is_short(ctx))
		return XDP_DROP;
	bpf_tail_call_static(ctx, &own_next, 0);
	return XDP_PASS;
}

// Tail calls of its own: it has to be called. No packet of the bench is that short.
SEC("xdp")
int hop_called(struct xdp_md *ctx)
{
	if (is_short(ctx))
		bpf_tail_call_static(ctx, &aside, 0);
	return XDP_PASS;
}

static __always_inline void count(void)
{
	__u32 zero = 0;
	__u64 *value = bpf_map_lookup_elem(&seen, &zero);

	if (value)
		(*value)++;
}

SEC("xdp")
int hop_count_wrap(struct xdp_md *ctx)
{
	count();
	return is_short(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int hop_count_chain(struct xdp_md *ctx)
{
	count();
	return is_short(ctx) ? XDP_DROP : chain_next(ctx, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
