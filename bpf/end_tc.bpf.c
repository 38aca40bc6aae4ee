// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The counterpart of end_xdp.bpf.c for TCX. TC_ACT_UNSPEC: the filters of others behind us still run.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int bpfseal_end(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
