// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Stands in the place of a program that was denied, where the admin wants no packet rather than an unchecked one.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int bpfseal_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
