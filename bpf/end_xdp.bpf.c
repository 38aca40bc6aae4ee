// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Stands behind a last member that jumps by itself: its jump must land somewhere, or a good packet would look like
// one that fell through a hole in the chain.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int bpfseal_end(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
