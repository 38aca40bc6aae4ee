// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A sample that reaches further than packets and maps: it reads the kernel's memory and writes to its trace log.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp") int deep(struct xdp_md *ctx)
{
	static const char text[] = "queue %d";
	unsigned long word = 0;

	if (bpf_probe_read_kernel(&word, sizeof(word), (void *)(long)ctx->rx_queue_index))
		bpf_trace_printk(text, sizeof(text), ctx->rx_queue_index);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
