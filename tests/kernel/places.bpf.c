// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Programs in sections that mean another kind of program, or another place of the kernel, to whoever loads them by name;
// and one for packets beside them.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define PLACE(section, name)                      \
	SEC(section) int place_##name(void *ctx)  \
	{                                         \
		return ctx ? XDP_PASS : XDP_DROP; \
	}

PLACE("fentry/do_unlinkat", fentry)
PLACE("fexit/do_unlinkat", fexit)
PLACE("fmod_ret/do_unlinkat", fmod_ret)
PLACE("freplace/place_xdp", freplace)
PLACE("iter/task", iter)
PLACE("lsm/file_open", lsm)
PLACE("tp_btf/sys_enter", tp_btf)
PLACE("kprobe/do_unlinkat", kprobe)
PLACE("raw_tp/sys_enter", raw_tp)
PLACE("tracepoint/syscalls/sys_enter_open", tracepoint)
PLACE("perf_event", perf_event)
PLACE("socket", socket)
PLACE("cgroup_skb/egress", cgroup)
PLACE("syscall", syscall)
PLACE("xdp/devmap", devmap)
PLACE("xdp.frags/cpumap", cpumap)
PLACE("tc", tc)
PLACE("classifier", classifier)

SEC("xdp")
int place_xdp(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 60 > end)
		return XDP_PASS;
	data[14] = 1;
	data[15] = 5;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
