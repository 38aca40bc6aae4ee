// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A small program that asks the running kernel about its types: for that the library reads all types of the kernel, which
// takes longer than anything else that a small program needs.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct xdp_buff {
	void *data;
} __attribute__((preserve_access_index));

SEC("xdp")
int core(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex && bpf_core_field_exists(struct xdp_buff, data) ? XDP_PASS
										    : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
