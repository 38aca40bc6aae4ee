// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs for the verifier: one that keeps inside the packet and one that does not. No rule of a policy tells them
// apart.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int inside(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 1 <= end && data[0] == 2 ? XDP_PASS : XDP_DROP;
}

// Takes packets in several buffers, so that only others that do can stand beside it.
SEC("xdp.frags")
int inside_frags(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 1 <= end && data[0] == 2 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int outside(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	return data[100] ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
