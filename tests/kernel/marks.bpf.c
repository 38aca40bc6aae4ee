// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs that leave their number in the packet, so that a test can read the way that it took: byte 14 counts
// the visitors, and each writes its number behind it. All ordinary: none knows of chains.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} settings SEC(".maps");

static __always_inline int mark(struct xdp_md *ctx, unsigned char number, int verdict)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);
	unsigned char *place;
	__u64 visitors;

	if (count)
		__sync_fetch_and_add(count, 1);
	if (data + 60 > end)
		return verdict;
	visitors = data[14];
	if (visitors >= 40)
		return verdict;
	data[14] = (unsigned char)(visitors + 1);
	place = data + visitors;
	if (place + 16 > end)
		return verdict;
	place[15] = number;
	return verdict;
}

#define MARK(name, number, verdict)                \
	SEC("xdp") int name(struct xdp_md *ctx)    \
	{                                          \
		return mark(ctx, number, verdict); \
	}

MARK(mark1, 1, XDP_PASS)
MARK(mark2, 2, XDP_PASS)
MARK(mark3, 3, XDP_PASS)
MARK(mark4, 4, XDP_PASS)
MARK(mark_drop, 9, XDP_DROP)

// Found in sections that the library does not know (older collections name them so).
SEC("xdp-odd")
int mark_odd(struct xdp_md *ctx)
{
	return mark(ctx, 7, XDP_PASS);
}

// The verdict comes from the admin's map: key 1.
SEC("xdp")
int mark_setting(struct xdp_md *ctx)
{
	__u32 one = 1;
	__u32 *verdict = bpf_map_lookup_elem(&settings, &one);

	return mark(ctx, 8, verdict ? (int)*verdict : XDP_ABORTED);
}

// Never a program that the verifier takes: it reads the packet without looking at its end.
SEC("xdp")
int mark_invalid(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	return data[100] ? XDP_PASS : XDP_DROP;
}

// A helper that no node allows by default.
SEC("xdp")
int mark_talks(struct xdp_md *ctx)
{
	static const char text[] = "seen";

	bpf_trace_printk(text, sizeof(text));
	return mark(ctx, 6, XDP_PASS);
}

// Reads a map whose place in the code holds a plain number, of which a test makes a descriptor.
SEC("xdp")
int mark_number(struct xdp_md *ctx)
{
	__u32 zero = 0;
	void *map;

	asm volatile("%0 = 0x1122334455667788 ll" : "=r"(map));
	return mark(ctx, bpf_map_lookup_elem(map, &zero) ? 11 : 10, XDP_PASS);
}

SEC("xdp.frags")
int mark_frags(struct xdp_md *ctx)
{
	return mark(ctx, 5, XDP_PASS);
}

SEC("xdp.frags")
int mark_frags2(struct xdp_md *ctx)
{
	return mark(ctx, 55, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
