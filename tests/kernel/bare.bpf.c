// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program that can do without BTF: it has no map. Leaves its number in the packet, as those of marks.bpf.c.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int bare(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	unsigned char *place;
	__u64 visitors;

	if (data + 60 > end)
		return XDP_PASS;
	visitors = data[14];
	if (visitors >= 40)
		return XDP_PASS;
	data[14] = (unsigned char)(visitors + 1);
	place = data + visitors;
	if (place + 16 > end)
		return XDP_PASS;
	place[15] = 37;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
