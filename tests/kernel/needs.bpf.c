// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Needs a function that no kernel has. (All of an object needs it: libbpf looks for every one that is declared.)
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int bpf_seal_no_such_function(struct xdp_md *ctx) __ksym;

SEC("xdp")
int needs(struct xdp_md *ctx)
{
	return bpf_seal_no_such_function(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
