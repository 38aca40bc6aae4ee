// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The first program on an XDP hook: it stays attached while generations of the chain come and go behind its one slot.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

// The slot through which all packets enter the running generation. Not frozen: it is what a switch writes, and
// what status watches.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} root_array SEC(".maps");

// How often there was nothing behind the slot: never, unless somebody emptied it.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); // watch reads it without a system call
	__type(key, __u32);
	__type(value, __u64);
} fell SEC(".maps");

// The policy's answer for a packet that no chain has judged. Set before the load.
const volatile int verdict = XDP_PASS;

SEC("xdp")
int bpfseal_root(struct xdp_md *ctx)
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
