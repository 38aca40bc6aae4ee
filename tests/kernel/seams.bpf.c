// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs that are awkward to sew to a wrapper. Like those of marks.bpf.c, each leaves its number in the packet.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/chain.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} aside SEC(".maps");

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

// Its stack reaches deeper than the instructions say that are looked at: through a pointer, to where the context would
// be kept.
SEC("xdp")
int seam_deep(struct xdp_md *ctx)
{
	mark(ctx, 31);
	asm volatile("r1 = r10\n"
		     "r1 += -64\n"
		     "r2 = 0\n"
		     "*(u64 *)(r1 - 8) = r2\n"
		     "*(u64 *)(r1 - 16) = r2\n" ::
			     : "r1", "r2", "memory");
	return XDP_PASS;
}

// No byte of the stack is left.
SEC("xdp")
int seam_full(struct xdp_md *ctx)
{
	mark(ctx, 32);
	asm volatile("r1 = 0\n"
		     "*(u64 *)(r10 - 512) = r1\n" ::
			     : "r1", "memory");
	return XDP_PASS;
}

// A tail call of its own, so it is called and not sewn: whatever it says comes back, and the chain goes on.
SEC("xdp")
int seam_aside(struct xdp_md *ctx)
{
	mark(ctx, 33);
	bpf_tail_call_static(ctx, &aside, 0);
	return XDP_PASS;
}

static __noinline int many(struct xdp_md *ctx, int number)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 1 > end)
		return XDP_DROP;
	if (data[0] == 1)
		return XDP_TX;
	return data[0] == 2 ? XDP_ABORTED : number;
}

// Several ways out, one behind a function of its own, and a loop back to its start.
SEC("xdp")
int seam_exits(struct xdp_md *ctx)
{
	int verdict = many(ctx, XDP_PASS);

	if (verdict == XDP_TX)
		return XDP_TX;
	for (int i = 0; i < 3; i++) {
		verdict = many(ctx, XDP_PASS);
		if (verdict == XDP_ABORTED)
			return XDP_ABORTED;
	}
	mark(ctx, 34);
	return verdict;
}

// No verdict: only the lower half of the register says "pass".
SEC("xdp")
long long seam_wide(struct xdp_md *ctx)
{
	long long verdict;

	mark(ctx, 35);
	asm volatile("%0 = 0x700000002 ll" : "=r"(verdict));
	return verdict;
}

SEC("xdp")
int seam_jump(struct xdp_md *ctx)
{
	mark(ctx, 36);
	return chain_next(ctx, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
