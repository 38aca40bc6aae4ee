// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The first program on a TCX hook; the counterpart of root_xdp.bpf.c.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} root_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); // watch reads it without a system call
	__type(key, __u32);
	__type(value, __u64);
} fell SEC(".maps");

// TC_ACT_UNSPEC lets the filters of others behind us run, as if there were no chain.
const volatile int verdict = TC_ACT_UNSPEC;

SEC("tc")
int bpfseal_root(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	__u64 *count;

	bpf_tail_call(ctx, &root_array, 0);
	count = bpf_map_lookup_elem(&fell, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
