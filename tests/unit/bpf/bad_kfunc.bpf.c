// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A sample to be refused unless its kernel function is allowed by name.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, unsigned int *hash)
	__attribute__((section(".ksyms")));

SEC("xdp") int bad_kfunc(struct xdp_md *ctx)
{
	unsigned int hash = 0;

	return bpf_xdp_metadata_rx_hash(ctx, &hash) || !hash ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
