// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program that goes on through a map of its own, and pins it nowhere.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} relay_next SEC(".maps");

SEC("xdp")
int relay(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &relay_next, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
