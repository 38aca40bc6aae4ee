// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A program of packets and the probes of its object, all of which count in one map: packets by thousands, events one by
// one.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

// Which process's calls are counted; 0: nobody's. The test writes its own.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} whose SEC(".maps");

static __always_inline int add(__u64 amount)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&seen, &zero);

	if (count)
		__sync_fetch_and_add(count, amount);
	return 0;
}

static __always_inline int is_watched(void)
{
	__u32 zero = 0;
	__u32 *process = bpf_map_lookup_elem(&whose, &zero);

	return process && *process == bpf_get_current_pid_tgid() >> 32;
}

SEC("xdp")
int packets(struct xdp_md *ctx)
{
	(void)ctx;
	add(1000);
	return XDP_PASS;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int calls(void *ctx)
{
	(void)ctx;
	return is_watched() ? add(1) : 0;
}

SEC("raw_tp/sched_process_fork")
int forks(void *ctx)
{
	(void)ctx;
	return is_watched() ? add(100) : 0;
}

SEC("kprobe/do_nanosleep")
int naps(void *ctx)
{
	(void)ctx;
	return add(1);
}

SEC("fentry/do_nanosleep")
int entered(void *ctx)
{
	(void)ctx;
	return add(1);
}

SEC("tp_btf/sched_process_fork")
int typed_forks(void *ctx)
{
	(void)ctx;
	return is_watched() ? add(100) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
