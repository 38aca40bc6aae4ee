// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program that sends a copy of every packet out of an interface: the one thing that a test run does for real.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int send_copy(struct __sk_buff *ctx)
{
	return bpf_clone_redirect(ctx, 1, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
