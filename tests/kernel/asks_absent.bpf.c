// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Asks the kernel for a type that it does not have: only a module could.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct no_such_struct {
	int field;
} __attribute__((preserve_access_index));

SEC("xdp")
int asks(struct xdp_md *ctx)
{
	struct no_such_struct *nothing = (void *)(long)ctx->ingress_ifindex;

	return bpf_core_type_exists(struct no_such_struct) + bpf_core_field_exists(nothing->field);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
