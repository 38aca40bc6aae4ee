// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs whose verdict stands in the packet: of program N in byte 40 + N. Byte 14 counts the visitors, and each
// writes its number behind it. Their maps are of the types and the size that every card has room for.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

// Key 1: by how much a visit counts, if not by one.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} settings SEC(".maps");

static __always_inline int told(struct xdp_md *ctx, unsigned char number)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, one = 1;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);
	__u32 *by = bpf_map_lookup_elem(&settings, &one);
	unsigned char *place;
	__u64 visitors;

	if (count)
		__sync_fetch_and_add(count, by ? *by : 1);
	if (data + 60 > end)
		return XDP_ABORTED;
	visitors = data[14];
	if (visitors >= 20)
		return XDP_ABORTED;
	data[14] = (unsigned char)(visitors + 1);
	place = data + visitors;
	if (place + 16 > end)
		return XDP_ABORTED;
	place[15] = number;
	return data[40 + number];
}

SEC("xdp")
int told1(struct xdp_md *ctx)
{
	return told(ctx, 1);
}

SEC("xdp")
int told2(struct xdp_md *ctx)
{
	return told(ctx, 2);
}

SEC("xdp")
int told3(struct xdp_md *ctx)
{
	return told(ctx, 3);
}

// Writes as deep into the stack of its function as that.
#define DEEP(bytes) asm volatile("*(u64 *)(r10 - " #bytes ") = %0" : : "r"(0ULL) : "memory")

// A function of its own, with a stack of its own, below one that has as much again.
static __noinline int told_below(struct xdp_md *ctx)
{
	DEEP(160);
	return told(ctx, 4);
}

SEC("xdp")
int told4(struct xdp_md *ctx)
{
	int verdict = told_below(ctx);

	DEEP(160);
	return verdict;
}

// Eight functions, one in the other: as many as the verifier follows.
#define BELOW(name, next)                              \
	static __noinline int name(struct xdp_md *ctx) \
	{                                              \
		int verdict = next;                    \
                                                       \
		DEEP(8);                               \
		return verdict;                        \
	}
BELOW(told_8, told(ctx, 5))
BELOW(told_7, told_8(ctx))
BELOW(told_6, told_7(ctx))
BELOW(told_5, told_6(ctx))
BELOW(told_4, told_5(ctx))
BELOW(told_3, told_4(ctx))
BELOW(told_2, told_3(ctx))

SEC("xdp")
int told5(struct xdp_md *ctx)
{
	int verdict = told_2(ctx);

	DEEP(8);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
