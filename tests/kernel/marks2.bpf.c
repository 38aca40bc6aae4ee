// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A later version of marks.bpf.c: `seen` as it was, `settings` of another size, and one map more.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u32);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} extra SEC(".maps");

SEC("xdp")
int mark1(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);

	(void)ctx;
	if (count)
		__sync_fetch_and_add(count, 1000);
	bpf_map_lookup_elem(&settings, &zero);
	bpf_map_lookup_elem(&extra, &zero);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
