// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Asks for the number that the kernel's BTF has for a type.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct net_device {
	unsigned ifindex;
} __attribute__((preserve_access_index));

SEC("xdp")
int asks(struct xdp_md *ctx)
{
	return (int)(bpf_core_type_id_kernel(struct net_device) +
		     bpf_core_type_size(struct net_device));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
