// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A sample to be refused: calls a helper that no policy grants, from a function that stands in another section.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int peek(void *to, unsigned int size, const void *from)
{
	return (int)bpf_probe_read_kernel(to, size, from);
}

SEC("xdp") int bad_helper(struct xdp_md *ctx)
{
	unsigned long word = 0;

	return peek(&word, sizeof(word), (void *)(long)ctx->rx_queue_index) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
