// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs that go on by themselves: one with bpf/chain.h, one with a map of its own that also asks to be pinned
// by name.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} own_next SEC(".maps");

static __always_inline void mark(struct xdp_md *ctx, unsigned char number)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	unsigned char *place;
	__u64 visitors;

	if (data + 60 > end)
		return;
	visitors = data[14];
	if (visitors >= 40)
		return;
	data[14] = (unsigned char)(visitors + 1);
	place = data + visitors;
	if (place + 16 > end)
		return;
	place[15] = number;
}

SEC("xdp")
int jump_chain(struct xdp_md *ctx)
{
	mark(ctx, 21);
	return chain_next(ctx, XDP_PASS);
}

SEC("xdp")
int jump_own(struct xdp_md *ctx)
{
	mark(ctx, 22);
	bpf_tail_call(ctx, &own_next, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
