// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The counterpart of drop_xdp.bpf.c for TCX.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int bpfseal_drop(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
